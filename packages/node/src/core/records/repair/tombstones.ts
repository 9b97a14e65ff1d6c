/**
 * Lets go what marks a deletion, once nobody can bring back what was deleted: it is older than a day, and since it was
 * looked at every replica of its slot, a member or not, has held the same as this node, and every other member has said
 * that it holds nothing which belongs to others.
 */
import { formatVersionTime } from '@p2pos/protocol';
import { type Clock, createBreath } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Row, Store } from '../../store/index.ts';
import { storedState } from '../cas/state.ts';
import type { Declarations } from '../declarations.ts';
import { textOf } from '../format/names.ts';
import { readHeader } from '../format/record.ts';
import type { Topology } from '../placement/topology.ts';
import { SELECT_GRAVES } from '../replica/schema.ts';
import type { RecordTable } from '../replica/store.ts';
import type { StoredRecord } from '../replica/stored.ts';
import type { RepairMarks } from './marks.ts';
import type { SlotContents } from './reconciliation/digests.ts';
import type { PlacedSlot } from './standing/memory.ts';

export interface Grave {
  readonly count: number;
  readonly slot: number;
  readonly leaf: Uint8Array;
}

/** The one place where it is decided that a deletion may be forgotten. Answers who holds it back. */
export function heldBackBy(
  { seenAt, ...place }: PlacedSlot & { readonly seenAt: number },
  replicas: ReadonlySet<PeerId>,
  others: readonly PeerId[],
  { reconciledAt, cleanAt }: RepairMarks,
): PeerId[] {
  return [...new Set([...replicas, ...others])].filter((peerId) => {
    const at = replicas.has(peerId) ? reconciledAt(peerId, place) : cleanAt(peerId);
    return at === undefined || at < seenAt;
  });
}

const DROP = 'DELETE FROM records WHERE replicas = ? AND slot = ? AND leaf = ?';
/** In view at once: as many as are remembered after they were let go. */
const MAX_GRAVES = 50_000;
/** Read, and let go, in one step. */
const STEP = 2_000;
/** Looked at once more before they are let go, at once. */
const WIDTH = 64;
/** Members compare about once a minute: what nobody let go of in so long does not hide what comes after it. */
const PATIENCE_MS = 600_000;

export interface TombstonesDeps {
  readonly self: PeerId;
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly topology: Topology;
  readonly table: Pick<RecordTable, 'findLeaf'>;
  readonly declarations: Pick<Declarations, 'get'>;
  readonly marks: RepairMarks;
  readonly contents: Pick<SlotContents, 'changed' | 'forget'>;
  /** Members other than this node that may hold records. */
  readonly members: () => readonly PeerId[];
  readonly votes: (slot: number, count: number) => boolean;
  /** Until the disk knows which sets are closed: whom it tells after a restart that one is not, has it forgotten nothing by that. */
  readonly saveMoves: () => Promise<void>;
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  /** Corrected time, ms; undefined: nobody has told it yet, so nothing can be said to be old. */
  readonly toldTime: () => number | undefined;
}

export interface TombstonesConfig {
  readonly keepMs: number;
  /** Default 50 000. */
  readonly maxGraves?: number;
}

export interface Tombstones {
  /** Members that hold back what could be forgotten but for them. */
  heldBackBy(): readonly PeerId[];
  sweep(): Promise<void>;
}

/** What is older is old enough. */
interface Limit {
  readonly ms: number;
  /** As versions begin. */
  readonly version: string;
}

interface SeenGrave extends Grave {
  /** Monotonic, ms: a comparison that began later has told of it. */
  readonly seenAt: number;
}

export function createTombstones(
  deps: TombstonesDeps,
  { keepMs, maxGraves = MAX_GRAVES }: TombstonesConfig,
): Tombstones {
  const { self, store, topology, table, declarations, marks, contents, members, votes, clock, toldTime } =
    deps;
  let graves = new Map<string, SeenGrave>();
  /** The topology by which they were looked at: an earlier comparison with a new replica was of other slots. */
  let seenIn: number | undefined;
  /** Old deletions before those in view. */
  let skipped = 0;
  /** There may be others after those in view. */
  let full = false;
  /** Monotonic: since when less than half of what was in view was let go. */
  let stillSince = clock.monotonic();
  let holding: readonly PeerId[] = [];

  function oldest(): Limit | undefined {
    const time = toldTime();
    if (time === undefined) return undefined;
    const ms = Math.floor(time - keepMs);
    return { ms, version: formatVersionTime(ms) };
  }

  async function look(): Promise<void> {
    const limit = oldest();
    if (!limit) return;
    const breathe = createBreath(clock);
    const found: typeof graves = new Map();
    for (let at = 0; at < maxGraves; at += STEP) {
      const most = Math.min(STEP, maxGraves - at);
      const rows = await store.read<Row>(SELECT_GRAVES, [limit.ms, limit.version, most, skipped + at]);
      // What came in the midst of a comparison is not known to the other, so not before it was read.
      const seenAt = clock.monotonic();
      for (const row of rows) {
        const leaf = new Uint8Array(row['leaf'] as Uint8Array);
        const fresh = { count: Number(row['replicas']), slot: Number(row['slot']), leaf, seenAt };
        found.set(textOf(leaf), graves.get(textOf(leaf)) ?? fresh);
      }
      full = rows.length === most;
      if (!full) break;
      await breathe();
    }
    graves = found;
  }

  /** Goes on to what lies after those in view, and after the last to the first again. */
  function moveOn(): void {
    skipped = full ? skipped + graves.size : 0;
    stillSince = clock.monotonic();
  }

  /** Of many deletions in a slot, the same few members have to have heard. */
  function createBlocking(): (grave: SeenGrave) => readonly PeerId[] {
    const known = new Map<string, readonly PeerId[]>();
    const others = members();
    return ({ count, slot, seenAt }) => {
      const name = `${count}.${slot}.${seenAt}`;
      let peers = known.get(name);
      if (!peers) {
        const replicas = new Set(topology.moves.required(slot, count).flat());
        replicas.delete(self);
        peers = heldBackBy({ count, slot, seenAt }, replicas, others, marks);
        known.set(name, peers);
      }
      return peers;
    };
  }

  /** By the record itself, of whose row a bit may have flipped; one that cannot be read says nothing. */
  function isDead({ fields, version, record: { header, value } }: StoredRecord, limit: Limit): boolean {
    if (version >= limit.version) return false;
    if (!fields) return (readHeader(header)?.version ?? '') < limit.version;
    if (fields.expiresAt !== undefined && fields.expiresAt >= limit.ms) return false;
    if (fields.value === undefined) return true;
    if (value === null) return fields.expiresAt !== undefined;
    if (declarations.get(fields.namespace)?.kind !== 'cas') return false;
    try {
      return storedState(value, fields.version).value === null;
    } catch {
      return false;
    }
  }

  /** Those that are still there, and are what their rows say. */
  async function dead(some: readonly Grave[]): Promise<Grave[]> {
    // Once more: when they were looked at the clock may have been wrong.
    const limit = oldest();
    if (!limit) return [];
    const found: Grave[] = [];
    for (let at = 0; at < some.length; at += WIDTH) {
      const few = some.slice(at, at + WIDTH);
      const held = await Promise.all(few.map(({ count, slot, leaf }) => table.findLeaf(count, slot, leaf)));
      for (const [i, stored] of held.entries())
        if (stored && isDead(stored, limit)) found.push(few[i] as Grave);
    }
    return found;
  }

  /** How many were let go; undefined: it had to end before it was through. */
  async function forget(ready: readonly Grave[], generation: number): Promise<number | undefined> {
    let gone = 0;
    for (let at = 0; at < ready.length; at += STEP) {
      const some = await dead(ready.slice(at, at + STEP));
      if (generation !== topology.generation()) return undefined;
      if (some.length === 0) continue;
      try {
        await store.write(some.map(({ count, slot, leaf }) => ({ sql: DROP, params: [count, slot, leaf] })));
      } finally {
        // An error may have left them either way.
        for (const { count, slot } of some) contents.changed(count, slot);
      }
      for (const { leaf } of some) {
        contents.forget(leaf);
        graves.delete(textOf(leaf));
      }
      gone += some.length;
    }
    return gone;
  }

  /** Not where a number of replicas is asked for no more, nor where the row is damaged. */
  const isPlaced = ({ count, slot }: Grave) => topology.moves.ring(count)?.closed[slot] !== undefined;

  return {
    heldBackBy: () => holding,
    async sweep() {
      const generation = topology.generation();
      if (generation !== seenIn) {
        seenIn = generation;
        graves.clear();
        return look();
      }
      const blocking = createBlocking();
      const blocked = new Set<PeerId>();
      const ready: Grave[] = [];
      for (const grave of graves.values()) {
        if (!isPlaced(grave)) continue;
        const peers = blocking(grave);
        for (const peerId of peers) blocked.add(peerId);
        const own = topology.moves.isHolder(grave.slot, grave.count) && votes(grave.slot, grave.count);
        if (peers.length === 0 && own) ready.push(grave);
      }
      holding = [...blocked];
      if (ready.length > 0) await deps.saveMoves();
      const inView = graves.size;
      const gone = await forget(ready, generation);
      if (gone === undefined) return;
      if (gone > 0 && gone >= inView / 2) stillSince = clock.monotonic();
      else if (graves.size === 0 || clock.monotonic() - stillSince >= PATIENCE_MS) moveOn();
      await look();
    },
  };
}
