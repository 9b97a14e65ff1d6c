/**
 * Lets go what marks a deletion, once nobody can bring back what was deleted: it is older than a day, and since it was
 * looked at every replica of its slot has held the same as this node, and every other member has said that it holds
 * nothing which belongs to others.
 */
import type { PeerId } from '../../net/index.ts';
import type { Row, Store } from '../../store/index.ts';
import type { Topology } from '../placement/topology.ts';
import { SELECT_GRAVES } from '../replica/schema.ts';
import type { SlotContents } from './digests.ts';
import type { RepairMarks } from './repair.ts';

export interface Grave {
  readonly count: number;
  readonly slot: number;
  readonly leaf: Uint8Array;
}

/** The one place where it is decided that a deletion may be forgotten. Answers who holds it back. */
export function heldBackBy(
  seenAt: number,
  replicas: ReadonlySet<PeerId>,
  others: readonly PeerId[],
  { reconciledAt, cleanAt }: RepairMarks,
): PeerId[] {
  return others.filter((peerId) => {
    const at = replicas.has(peerId) ? reconciledAt(peerId) : cleanAt(peerId);
    return at === undefined || at < seenAt;
  });
}

const DROP = 'DELETE FROM records WHERE replicas = ? AND slot = ? AND leaf = ?';
/** Looked at in one go. */
const MAX_GRAVES = 2_000;

export interface TombstonesDeps {
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly topology: Topology;
  readonly marks: RepairMarks;
  readonly contents: Pick<SlotContents, 'changed' | 'forget'>;
  /** Members other than this node that may hold records. */
  readonly members: () => readonly PeerId[];
  readonly votes: (slot: number, count: number) => boolean;
  /** Monotonic, ms. */
  readonly monotonic: () => number;
  /** Corrected time, ms; undefined: nobody has told it yet, so nothing can be said to be old. */
  readonly toldTime: () => number | undefined;
}

export interface Tombstones {
  /** Members that hold back what could be forgotten but for them. */
  heldBackBy(): readonly PeerId[];
  sweep(): Promise<void>;
}

export function createTombstones(
  { store, topology, marks, contents, members, votes, monotonic, toldTime }: TombstonesDeps,
  { keepMs }: { readonly keepMs: number },
): Tombstones {
  let graves: readonly Grave[] = [];
  let seenAt = 0;
  let holding: readonly PeerId[] = [];

  async function look(): Promise<void> {
    const time = toldTime();
    if (time === undefined) return;
    const limitMs = Math.floor(time - keepMs);
    const limit = limitMs.toString(16).padStart(12, '0');
    const rows = await store.read<Row>(SELECT_GRAVES, [limitMs, limit, MAX_GRAVES]);
    graves = rows.map((row) => ({
      count: Number(row['replicas']),
      slot: Number(row['slot']),
      leaf: new Uint8Array(row['leaf'] as Uint8Array),
    }));
    seenAt = monotonic();
  }

  function blocking({ slot, count }: Grave): PeerId[] {
    const replicas = new Set(topology.moves.required(slot, count).flat());
    return heldBackBy(seenAt, replicas, members(), marks);
  }

  return {
    heldBackBy: () => holding,
    async sweep() {
      if (graves.length === 0) return look();
      const generation = topology.generation();
      const blocked = new Set<PeerId>();
      const ready: Grave[] = [];
      for (const grave of graves) {
        const peers = blocking(grave);
        for (const peerId of peers) blocked.add(peerId);
        const own = topology.moves.isHolder(grave.slot, grave.count) && votes(grave.slot, grave.count);
        if (peers.length === 0 && own) ready.push(grave);
      }
      holding = [...blocked];
      if (generation !== topology.generation()) return;
      if (ready.length > 0) {
        await store.write(ready.map(({ count, slot, leaf }) => ({ sql: DROP, params: [count, slot, leaf] })));
        for (const { count, slot, leaf } of ready) {
          contents.changed(count, slot);
          contents.forget(leaf);
        }
      }
      // Those that are held back stay in view until nobody does; the others make room.
      if (blocked.size === 0 || ready.length > 0) await look();
    },
  };
}
