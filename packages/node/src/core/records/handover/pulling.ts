/**
 * Copies from one replica what this node lacks of some slots: what it promised about registers, then inventories, and only
 * the records that are missing. A ballot that a majority of the former replicas promised is then known to each of the new ones,
 * so that none takes a lower one, and one that reached a minority alone does no harm when it is offered late.
 */
import { type Crypto, compareBytes, P2posError, parseVersion } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import type { PromiseRequest, Promises } from '../cas/promises.ts';
import type { ReplicaCalls } from '../coordinator/calls.ts';
import { leafHash } from '../format/merkle.ts';
import { textOf } from '../format/names.ts';
import { decodeHeader } from '../format/record.ts';
import { MAX_INVENTORY_LEAVES, MAX_RECORDS, type Placed } from '../format/wire.ts';
import type { Topology } from '../placement/topology.ts';
import { MAX_AHEAD_MS, type Replica } from '../replica/replica.ts';
import type { RecordTable } from '../replica/store.ts';
import type { RecordName } from '../replica/stored.ts';
import { digestOf, type PromisedPage } from './copying.ts';

const SLOTS_PER_CALL = 64;
/** A slot that is being written to may have to be compared several times. */
const MAX_ROUNDS = 8;
const EMPTY = new Uint8Array(0);

export interface PullingDeps {
  readonly calls: Pick<ReplicaCalls, 'ask'>;
  readonly replica: Pick<Replica, 'write'>;
  readonly topology: Topology;
  readonly table: Pick<RecordTable, 'leaves'>;
  readonly promises: Pick<Promises, 'promise'>;
  readonly slotOf: (namespace: string, partition: Uint8Array) => number;
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** Corrected time, ms. */
  readonly now: () => number;
  /** Ends what was left unfinished about a register, so that all of its replicas can go on. */
  readonly settleRegister: (name: RecordName) => Promise<void>;
}

export interface Pulling {
  /** Calls `onSlot` for each slot of which this node then holds all that the peer held. @throws P2posError as `ask` */
  pull(
    peerId: PeerId,
    input: { readonly placed: Placed; readonly count: number; readonly slots: readonly number[] },
    onSlot: (slot: number) => void,
  ): Promise<void>;
  /** Leaf hashes that the peer holds of a slot; undefined when it is no replica of it. */
  inventory(
    peerId: PeerId,
    input: { readonly placed: Placed; readonly count: number; readonly slot: number },
  ): Promise<Set<string> | undefined>;
}

export function createPulling(deps: PullingDeps, { timeoutMs }: { readonly timeoutMs: number }): Pulling {
  const { calls, replica, topology, table, promises, slotOf, crypto, now } = deps;

  async function held(count: number, slot: number): Promise<Set<string>> {
    const names = new Set<string>();
    for (let after = EMPTY; ; ) {
      const leaves = await table.leaves(count, slot, after, MAX_INVENTORY_LEAVES);
      for (const leaf of leaves) names.add(textOf(leaf));
      const last = leaves.at(-1);
      if (!last || leaves.length < MAX_INVENTORY_LEAVES) return names;
      after = new Uint8Array(last);
    }
  }

  type Ask = { readonly placed: Placed; readonly count: number };

  async function leavesOf(
    peerId: PeerId,
    { placed, count }: Ask,
    slot: number,
  ): Promise<Uint8Array[] | undefined> {
    const found: Uint8Array[] = [];
    // No digest: the whole list, even where it is the same.
    for (let after = EMPTY; ; ) {
      const answer = await calls.ask(
        peerId,
        'inventory',
        { ...placed, count, slots: [slot], digests: [], after },
        { timeoutMs },
      );
      if (answer.elsewhere.length > 0 || answer.learning.length > 0) return undefined;
      const [differing] = answer.differing;
      if (!differing) return found;
      let last: Uint8Array | undefined;
      for (const leaf of differing.leaves) {
        const order = compareBytes(leaf, last ?? after);
        // A record lies twice where a bit of its name has flipped in one row, and it was missed and written again.
        if (order === 0 && last) continue;
        if (order <= 0)
          throw new P2posError('PEER_PROTOCOL', { peerId, reason: 'its inventory does not go forward' });
        last = leaf;
        found.push(leaf);
      }
      if (!differing.more || !last) return found;
      after = new Uint8Array(last);
    }
  }

  /** Whether all that the peer holds of the slot is held here, or something newer. */
  async function pullSlot(peerId: PeerId, ask: Ask, slot: number): Promise<boolean> {
    /** Copied, or known to be older than what is held here. */
    const settled = new Set<string>();
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const theirs = await leavesOf(peerId, ask, slot);
      if (!theirs) return false;
      const own = await held(ask.count, slot);
      const missing = theirs.filter((leaf) => !own.has(textOf(leaf)) && !settled.has(textOf(leaf)));
      if (missing.length === 0) return true;
      if (!(await fetchAll(peerId, ask, slot, missing, settled))) return false;
    }
    return false;
  }

  /** What has no majority now holds up its own slot alone. */
  async function settles(name: RecordName): Promise<boolean> {
    try {
      await deps.settleRegister(name);
      return true;
    } catch {
      return false;
    }
  }

  async function fetchAll(
    peerId: PeerId,
    { placed, count }: Ask,
    slot: number,
    missing: readonly Uint8Array[],
    settled: Set<string>,
  ): Promise<boolean> {
    for (let at = 0; at < missing.length; ) {
      const leaves = missing.slice(at, at + MAX_RECORDS);
      const answer = await calls.ask(peerId, 'fetch', { ...placed, count, slot, leaves }, { timeoutMs });
      if (answer.done === 0) return false;
      const kept = await replica.write({ ...placed, records: answer.records }, peerId, { relayed: true });
      for (const [i, { result }] of kept.entries()) {
        if (result === 'refused' || result === 'elsewhere') return false;
        const record = answer.records[i];
        // A promise keeps it out. The round that it was given for may never end; ours brings what it would have.
        if (result === 'promised' && record && !(await settles(decodeHeader(record[0])))) return false;
        if (record) settled.add(textOf(leafOf(record[0])));
      }
      at += answer.done;
    }
    return true;
  }

  /** Answers the slots of which the peer may have promised more than is kept here now. */
  async function takePromises(
    peerId: PeerId,
    { placed, count }: Ask,
    slots: readonly number[],
  ): Promise<ReadonlySet<number>> {
    const unsure = new Set<number>();
    for (let after: number | null = 0; after !== null; ) {
      const page: PromisedPage = await calls.ask(
        peerId,
        'promised',
        { ...placed, count, slots, after },
        { timeoutMs },
      );
      for (const slot of page.learning ?? []) unsure.add(slot);
      const given: PromiseRequest[] = [];
      for (const [namespace, key, partition, ballot] of page.promises) {
        const name = { namespace, key, partition: partition ?? key };
        const slot = slotOf(namespace, name.partition);
        if (!slots.includes(slot)) continue;
        // One of a far future was promised by nobody who keeps to the rules, and would keep all others out.
        if (parseVersion(ballot).ms > now() + MAX_AHEAD_MS) unsure.add(slot);
        else given.push({ name, ballot });
      }
      if (given.length > 0) await promises.promise(given);
      if (page.next !== null && page.next <= after)
        throw new P2posError('PEER_PROTOCOL', { peerId, reason: 'its promises do not go forward' });
      after = page.next;
    }
    return unsure;
  }

  function leafOf(header: Uint8Array): Uint8Array {
    return leafHash(crypto, header);
  }

  return {
    async pull(peerId, { placed, count, slots }, onSlot) {
      for (let at = 0; at < slots.length; ) {
        const some = slots.slice(at, at + SLOTS_PER_CALL);
        const digests: Uint8Array[] = [];
        for (const slot of some) digests.push((await digestOf({ table, crypto }, count, slot)).digest);
        const generation = topology.generation();
        // Before the records: a promise that becomes one meanwhile is seen as the one or the other.
        const unsure = await takePromises(peerId, { placed, count }, some);
        const answer = await calls.ask(
          peerId,
          'inventory',
          { ...placed, count, slots: some, digests, after: EMPTY },
          { timeoutMs },
        );
        if (answer.done === 0) return;
        const elsewhere = new Set<number>([...answer.learning, ...unsure]);
        for (const [slot, epoch] of answer.elsewhere) {
          elsewhere.add(slot);
          if (generation === topology.generation()) topology.moves.learnClosed(slot, count, epoch);
        }
        const differing = new Set(answer.differing.map(({ slot }) => slot));
        const there = some.slice(0, answer.done).filter((slot) => !elsewhere.has(slot));
        for (const slot of there) {
          if (!differing.has(slot) || (await pullSlot(peerId, { placed, count }, slot))) onSlot(slot);
        }
        at += answer.done;
      }
    },
    async inventory(peerId, { slot, ...ask }) {
      const leaves = await leavesOf(peerId, ask, slot);
      return leaves && new Set(leaves.map(textOf));
    },
  };
}
