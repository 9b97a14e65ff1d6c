/** The replica's side of a register's first round: it promises a ballot and tells what it has accepted. */
import { P2posError, parseVersion } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import type { HybridClock } from '../clock/hybrid-clock.ts';
import type { Declarations } from '../declarations.ts';
import type { Placed, PromiseAnswer, PromiseBody } from '../format/wire.ts';
import type { Topology } from '../placement/topology.ts';
import type { Standing } from '../repair/standing/standing.ts';
import { MAX_AHEAD_MS, type Replica } from '../replica/replica.ts';
import type { RecordTable } from '../replica/store.ts';
import type { RecordName } from '../replica/stored.ts';
import { MAX_BALLOT_AGE_MS, type Promises } from './promises.ts';

export interface Acceptor {
  prepare(
    input: Placed & { readonly promises: readonly PromiseBody[] },
    from: PeerId,
  ): Promise<PromiseAnswer[]>;
}

export interface AcceptorDeps {
  readonly self: PeerId;
  readonly replica: Pick<Replica, 'admit'>;
  readonly topology: Topology;
  readonly declarations: Declarations;
  readonly table: Pick<RecordTable, 'find'>;
  readonly promises: Promises;
  readonly standing: Pick<Standing, 'votes' | 'votesOn' | 'known'>;
  readonly hybridClock: HybridClock;
  readonly slotOf: (namespace: string, partition: Uint8Array) => number;
  /** Corrected time, ms. */
  readonly now: () => number;
  /** Told of what another node wants promises for. */
  readonly onContended: (name: RecordName) => void;
}

interface Wanted {
  readonly name: RecordName;
  readonly ballot: string;
}

export function createAcceptor(deps: AcceptorDeps): Acceptor {
  const { replica, topology, declarations, table, promises, standing, hybridClock, slotOf, now } = deps;

  /** An answer where there can be no promise. */
  function refusalOf({ name, ballot }: Wanted, from: PeerId): PromiseAnswer | undefined {
    const declaration = declarations.get(name.namespace);
    if (declaration?.kind !== 'cas') return { result: 'refused', text: 'NAMESPACE_UNKNOWN' };
    const { ms, author } = parseVersion(ballot);
    // Ballots are made by who proposes, so no peer can use up those of another or of a far future.
    if (author !== from) return { result: 'refused', text: 'RECORD_SIGNATURE' };
    if (ms > now() + MAX_AHEAD_MS) return { result: 'refused', text: 'VERSION_AHEAD' };
    if (ms < now() - MAX_BALLOT_AGE_MS) return { result: 'refused', text: 'RECORD_INVALID' };
    const slot = slotOf(name.namespace, name.partition);
    if (topology.moves.isHolder(slot, declaration.replicas)) {
      // What it promised before it lost its disk is forgotten, so its word is worth nothing yet.
      if (standing.votesOn(slot, declaration.replicas, ms)) return undefined;
      return { result: 'refused', text: 'REPLICA_LEARNING' };
    }
    return { result: 'elsewhere', text: String(topology.moves.closedAt(slot, declaration.replicas)) };
  }

  async function tell({ name, ballot }: Wanted, given: boolean): Promise<PromiseAnswer> {
    // In this order: a promise that is kept meanwhile is seen as one or as the record.
    const promised = given ? undefined : await promises.find(name);
    const stored = await table.find(name);
    // What was accepted cannot be told any more: as good as gone until it is repaired.
    if (stored?.damaged) return { result: 'refused', text: 'STORE_CORRUPT' };
    // A greater ballot may have been promised and accepted since: then the promise is worth nothing any more.
    if (given && !(stored && stored.version > ballot)) {
      if (!stored) return { result: 'promised' };
      const { header, value, proof } = stored.record;
      const slot = slotOf(name.namespace, name.partition);
      const { replicas } = declarations.find(name.namespace);
      const accepted = standing.votesOn(slot, replicas, parseVersion(stored.version).ms);
      return { result: 'promised', record: [header, value, proof], ...(!accepted && { learned: true }) };
    }
    const greater = [stored?.version, promised].filter((text) => text !== undefined);
    return { result: 'behind', text: greater.sort().at(-1) as string };
  }

  return {
    async prepare({ promises: bodies, ...placed }, from) {
      const admission = replica.admit(placed, from);
      const wanted = bodies.map(
        ([namespace, key, partition, ballot]): Wanted => ({
          name: { namespace, key, partition: partition ?? key },
          ballot,
        }),
      );
      for (const { name } of wanted) {
        const count = declarations.get(name.namespace)?.replicas;
        if (count !== undefined) await standing.known(slotOf(name.namespace, name.partition), count);
      }
      if (from !== deps.self) for (const { name } of wanted) deps.onContended(name);
      const refusals = wanted.map((one) => refusalOf(one, from));
      const open = wanted.filter((_, i) => refusals[i] === undefined);
      const given = open.length === 0 ? [] : await promises.promise(open);
      const told = await Promise.all(open.map((one, i) => tell(one, given[i] as boolean)));
      for (const { ballot } of open) hybridClock.observe(parseVersion(ballot));
      admission.confirm();
      let at = 0;
      return wanted.map((one, i) => {
        const refusal = refusals[i];
        if (refusal) return refusal;
        const answer = told[at++];
        if (!answer) throw new P2posError('INTERNAL');
        // Its disk may have been contradicted while the promise was written.
        return refusalOf(one, from) ?? answer;
      });
    },
  };
}
