/**
 * How a learner becomes a voter again: it reconciles each of its slots with enough of those who count that no write which
 * was acknowledged can have escaped all of them. What it holds and none of them does is long deleted, and set aside.
 */
import { parseVersion } from '@p2pos/protocol';
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import { nameOf } from '../handover/pulling.ts';
import { majorityOf, type PeerSet, unionOf } from '../placement/quorum.ts';
import type { Topology } from '../placement/topology.ts';
import type { RecordTable } from '../replica/store.ts';
import type { Aside } from './aside.ts';
import type { Standing } from './standing.ts';
import type { Ask, Syncing } from './syncing.ts';

/**
 * Of a set in which `self` is a learner, how many that count must have been reconciled with. A write was acknowledged by a
 * majority, of which at most all learners are no witnesses any more.
 */
export function witnessesNeeded(set: PeerSet, learners: number): number {
  const voters = set.length - learners;
  const sure = majorityOf(set.length) - learners;
  return Math.max(majorityOf(voters), sure > 0 ? voters - sure + 1 : 0);
}

export interface CatchingUpDeps {
  readonly self: PeerId;
  readonly topology: Topology;
  readonly standing: Standing;
  readonly syncing: Syncing;
  readonly table: Pick<RecordTable, 'findLeaf'>;
  readonly aside: Aside;
  readonly log: Logger;
  /** Corrected time, ms; undefined as long as nobody else has told the time. */
  readonly toldTime: () => number | undefined;
}

/** Slots at once. */
const WIDTH = 8;

/** One try over all slots that are missing; whether there are none any more. */
export async function catchUp(
  deps: CatchingUpDeps,
  ask: Ask,
  { keepDeletedMs }: { readonly keepDeletedMs: number },
): Promise<boolean> {
  const { self, topology, standing, syncing, table, aside, log, toldTime } = deps;
  const { count } = ask;
  const { moves } = topology;
  const generation = topology.generation();
  const missing = moves.held(count).filter((slot) => !standing.isCaughtUp(slot, count));
  const witnesses = new Map(missing.map((slot) => [slot, new Set<PeerId>()]));
  const learners = new Map(missing.map((slot) => [slot, new Set([self])]));
  /** Held here, and by how many witnesses not. */
  const orphans = new Map(missing.map((slot) => [slot, new Map<string, { leaf: Uint8Array; by: number }>()]));
  const time = toldTime();
  // Whether what it holds may have been deleted and forgotten since is not known yet.
  if (time === undefined) return false;
  const isOld = (ms: number) => ms < time - keepDeletedMs;

  async function reconcile(peerId: PeerId, slot: number): Promise<void> {
    const outcome = await syncing.slot(peerId, ask, slot, {
      gives: (ms) => !isOld(ms),
      takes: (learning) => !learning,
      exact: true,
    });
    if (outcome.lost) learners.get(slot)?.add(peerId);
    if (outcome.learning || !outcome.complete) return;
    witnesses.get(slot)?.add(peerId);
    for (const leaf of outcome.kept) {
      const known = orphans.get(slot)?.get(nameOf(leaf));
      orphans.get(slot)?.set(nameOf(leaf), { leaf, by: (known?.by ?? 0) + 1 });
    }
  }

  async function work(peerId: PeerId): Promise<void> {
    const { slots, learning, lost } = await syncing.difference(peerId, ask);
    const differ = new Set(slots);
    const own = missing.filter((slot) => moves.required(slot, count).some((set) => set.includes(peerId)));
    for (const slot of own) {
      if (lost.has(slot)) learners.get(slot)?.add(peerId);
      else if (!learning.has(slot) && !differ.has(slot)) witnesses.get(slot)?.add(peerId);
    }
    const queue = own.filter((slot) => differ.has(slot) && !learning.has(slot));
    await Promise.all(
      Array.from({ length: WIDTH }, async () => {
        for (let slot = queue.shift(); slot !== undefined; slot = queue.shift())
          await reconcile(peerId, slot);
      }),
    );
  }

  function isWhole(slot: number): boolean {
    const seen = witnesses.get(slot) ?? new Set();
    const lost = learners.get(slot) ?? new Set();
    return moves
      .required(slot, count)
      .filter((set) => set.includes(self) && set.length > 1)
      .every((set) => {
        const learning = set.filter((peerId) => lost.has(peerId)).length;
        // What an older set holds is no substitute: this node may not know yet that it is closed.
        if (learning === set.length) return false;
        return set.filter((peerId) => seen.has(peerId)).length >= witnessesNeeded(set, learning);
      });
  }

  const peers = unionOf(missing.flatMap((slot) => moves.required(slot, count))).filter(
    (peerId) => peerId !== self,
  );
  // One after another: what one gave need not be asked of the next.
  for (const peerId of peers) {
    await work(peerId).catch((error) =>
      log.debug({ action: 'catch_up', peerId, error }, 'reconciling with a replica failed'),
    );
    if (generation !== topology.generation()) return false;
  }
  const whole = missing.filter(isWhole);
  for (const slot of whole) {
    const seen = witnesses.get(slot)?.size ?? 0;
    const unknown: Uint8Array[] = [];
    for (const { leaf, by } of orphans.get(slot)?.values() ?? []) {
      const stored = by >= seen ? await table.findLeaf(count, slot, leaf) : undefined;
      // A damaged one may be known under its true name: it is mended where it lies.
      if (stored && !stored.damaged && isOld(parseVersion(stored.version).ms)) unknown.push(leaf);
    }
    await aside.set(count, slot, unknown);
  }
  await standing.caughtUp(whole.map((slot) => ({ count, slot })));
  return moves.held(count).every((slot) => standing.votes(slot, count));
}
