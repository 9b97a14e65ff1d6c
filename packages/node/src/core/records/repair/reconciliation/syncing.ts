/**
 * Brings this node and one other to the same records: digests over all slots that both hold, then over fewer and fewer
 * where they differ, then the records of one slot by set reconciliation, and at last only what either lacks.
 */
import { equalBytes, isP2posError, parseVersion } from '@p2pos/protocol';
import { type Clock, sleep } from '../../../clock/index.ts';
import type { Logger } from '../../../log/index.ts';
import type { PeerId } from '../../../net/index.ts';
import type { ReplicaCalls } from '../../coordinator/calls.ts';
import { textOf } from '../../format/names.ts';
import { decodeHeader } from '../../format/record.ts';
import { MAX_COMPARED_RANGES } from '../../format/repair-methods.ts';
import { MAX_RECORDS, type Placed, type RecordBody, type WriteAnswer } from '../../format/wire.ts';
import type { Topology } from '../../placement/topology.ts';
import { sizeOf } from '../../replica/reading.ts';
import type { Replica } from '../../replica/replica.ts';
import type { RecordTable } from '../../replica/store.ts';
import type { RecordName } from '../../replica/stored.ts';
import type { SlotContents } from './digests.ts';
import { initiate, proceed } from './negentropy/index.ts';
import { PART_BYTES, RECONCILE_LIMITS, ROOT_BYTES, type SlotRange, sharedSlots } from './ranges.ts';

export interface Ask {
  readonly placed: Placed;
  readonly count: number;
}

export interface Difference {
  /** Of those that both hold. */
  readonly slots: readonly number[];
  /** In which the peer does not count. */
  readonly learning: ReadonlySet<number>;
  /** Of these, those in which it has lost what it held, and has not caught up. */
  readonly lost: ReadonlySet<number>;
}

export interface SlotOutcome {
  /** Each of both has all that the other had, but for what was kept. */
  readonly complete: boolean;
  /** The peer does not count in the slot. */
  readonly learning: boolean;
  /** It has lost what it held there, and has not caught up. */
  readonly lost: boolean;
  /** Held here and not there, and not handed over: it was not to be given, or is damaged. */
  readonly kept: readonly Uint8Array[];
}

export interface SlotRules {
  /** Whether what is held here only goes to the peer; asked with the version's time, ms. */
  readonly gives: (ms: number) => boolean;
  /** Whether what only the peer holds is taken, when it counts or not. */
  readonly takes: (learning: boolean) => boolean;
  /**
   * What the peer named and replaced before it gave it is looked for once more: it may be what was acknowledged. Else it is
   * left to those who wrote it. Default false.
   */
  readonly exact?: boolean;
}

export interface Syncing {
  difference(peerId: PeerId, ask: Ask): Promise<Difference>;
  /**
   * What fails for the slot itself, as a damaged page of a disk does, leaves it incomplete, and no others.
   * @throws P2posError what may go another time: the peer cannot be reached, or is overloaded
   */
  slot(peerId: PeerId, ask: Ask, slot: number, rules: SlotRules): Promise<SlotOutcome>;
}

export interface SyncingDeps {
  readonly calls: Pick<ReplicaCalls, 'ask'>;
  readonly replica: Pick<Replica, 'write'>;
  readonly topology: Topology;
  readonly table: Pick<RecordTable, 'findLeaf'>;
  readonly contents: SlotContents;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends what was left unfinished about a register, so that all of its replicas can go on. */
  readonly settleRegister: (name: RecordName) => Promise<void>;
}

export interface SyncingConfig {
  readonly timeoutMs: number;
  /** Of records, both ways. */
  readonly maxBytesPerSecond: number;
  /** Messages of one reconciliation. Default 256. */
  readonly maxSteps?: number;
}

const PARTS = 64;
/** Of a reconciliation: what more there is to find waits for the next. */
const MAX_STEPS = 256;
/** A slot that is being written to may have to be reconciled several times. */
const MAX_ROUNDS = 8;
const PUSH_BYTES = 262_144;

export function createSyncing(
  { calls, replica, topology, table, contents, clock, log, settleRegister }: SyncingDeps,
  { timeoutMs, maxBytesPerSecond, maxSteps = MAX_STEPS }: SyncingConfig,
): Syncing {
  async function differingRanges(
    peerId: PeerId,
    { placed, count }: Ask,
    ranges: readonly SlotRange[],
  ): Promise<{ differ: SlotRange[]; learning: SlotRange[]; lost: SlotRange[] }> {
    const answer = await calls.ask(
      peerId,
      'compare',
      { ...placed, count, ranges: ranges.map(([first, last]) => [first, last]) },
      { timeoutMs },
    );
    const length = ranges.length === 1 ? ROOT_BYTES : PART_BYTES;
    const differ: SlotRange[] = [];
    for (const [i, range] of ranges.entries()) {
      const own = await contents.combined(count, sharedSlots(topology, peerId, count, range));
      if (!equalBytes(own.slice(0, length), answer.digests[i] ?? new Uint8Array(0))) differ.push(range);
    }
    const named = (indexes: readonly number[] = []) =>
      indexes.map((i) => ranges[i]).filter((range) => range !== undefined);
    return { differ, learning: named(answer.learning), lost: named(answer.lost) };
  }

  /** Those that a promise keeps out are settled, which the next comparison shows; where one cannot be, the others are not tried. */
  async function areKept(records: readonly RecordBody[], answers: readonly WriteAnswer[]): Promise<boolean> {
    const promised = records.filter((_, i) => answers[i]?.result === 'promised');
    try {
      for (const [header] of promised) await settleRegister(decodeHeader(header));
    } catch {
      return false;
    }
    return promised.length === 0 && !answers.some(({ result }) => ['refused', 'elsewhere'].includes(result));
  }

  /** `missed`: something that the peer had is neither there any more nor damaged, so that it has something newer now. */
  async function pull(
    peerId: PeerId,
    { placed, count }: Ask,
    slot: number,
    need: readonly Uint8Array[],
  ): Promise<{ complete: boolean; missed: boolean }> {
    let complete = true;
    let missed = false;
    for (let at = 0; at < need.length; ) {
      const leaves = need.slice(at, at + MAX_RECORDS);
      const { done, records, damaged } = await calls.ask(
        peerId,
        'fetch',
        { ...placed, count, slot, leaves },
        { timeoutMs },
      );
      if (done === 0) return { complete: false, missed };
      if (records.length + (damaged?.length ?? 0) < Math.min(done, leaves.length)) missed = true;
      const answers = await replica.write({ ...placed, records }, peerId, { relayed: true });
      if (!(await areKept(records, answers))) complete = false;
      at += done;
      await pace(records);
    }
    return { complete, missed };
  }

  async function push(
    peerId: PeerId,
    { placed, count }: Ask,
    slot: number,
    have: readonly Uint8Array[],
    gives: SlotRules['gives'],
  ): Promise<{ complete: boolean; kept: Uint8Array[] }> {
    const kept: Uint8Array[] = [];
    let complete = true;
    let batch: RecordBody[] = [];
    let bytes = 0;
    const flush = async () => {
      if (batch.length === 0) return;
      const { answers } = await calls.ask(peerId, 'relay', { ...placed, records: batch }, { timeoutMs });
      if (!(await areKept(batch, answers))) complete = false;
      await pace(batch);
      batch = [];
      bytes = 0;
    };
    for (const leaf of have) {
      const stored = await table.findLeaf(count, slot, leaf);
      // Meanwhile something newer took its place.
      if (!stored) continue;
      if (stored.damaged || !gives(parseVersion(stored.version).ms)) {
        kept.push(leaf);
        continue;
      }
      const { header, value, proof } = stored.record;
      batch.push([header, value, proof]);
      bytes += sizeOf([header, value, proof]);
      if (batch.length === MAX_RECORDS || bytes > PUSH_BYTES) await flush();
    }
    await flush();
    return { complete, kept };
  }

  /** Repair leaves the disk and the network to those who wait for an answer. */
  async function pace(records: readonly RecordBody[]): Promise<void> {
    const bytes = records.reduce((sum, record) => sum + sizeOf(record), 0);
    const ms = (bytes / maxBytesPerSecond) * 1_000;
    if (ms >= 1) await sleep(clock, ms);
  }

  async function reconcile(
    peerId: PeerId,
    ask: Ask,
    slot: number,
    { gives, takes }: SlotRules,
  ): Promise<SlotOutcome & { readonly missed: boolean }> {
    const { placed, count } = ask;
    const items = await contents.items(count, slot);
    const have = new Map<string, Uint8Array>();
    const need = new Map<string, Uint8Array>();
    const forgotten = new Map<string, Uint8Array>();
    const sinks = {
      have: (id: Uint8Array) => void have.set(textOf(id), new Uint8Array(id)),
      need: (id: Uint8Array) => {
        const wanted = contents.isForgotten(id) ? forgotten : need;
        wanted.set(textOf(id), new Uint8Array(id));
      },
    };
    let learning = false;
    let lost = false;
    let message: Uint8Array | undefined = initiate(items);
    for (let step = 0; message && step < maxSteps; step++) {
      const answer = await calls.ask(peerId, 'reconcile', { ...placed, count, slot, message }, { timeoutMs });
      learning ||= answer.learning;
      lost ||= answer.lost ?? false;
      ({ message } = proceed(items, answer.message, RECONCILE_LIMITS, sinks));
    }
    // What one of them deleted may have come back here since; the record itself tells.
    if (have.size > 0) for (const [name, id] of forgotten) need.set(name, id);
    const pulled = takes(learning)
      ? await pull(peerId, ask, slot, [...need.values()])
      : { complete: need.size === 0, missed: false };
    const pushed = await push(peerId, ask, slot, [...have.values()], gives);
    const compared = message === undefined;
    return {
      complete: compared && pulled.complete && pushed.complete,
      missed: pulled.missed,
      learning,
      lost,
      kept: compared ? pushed.kept : [],
    };
  }

  return {
    async difference(peerId, ask) {
      const slots = topology.moves.ring(ask.count)?.closed.length ?? 0;
      const none = { slots: [], learning: new Set<number>(), lost: new Set<number>() };
      if (slots === 0) return none;
      const root = await differingRanges(peerId, ask, [[0, slots - 1]]);
      if (root.differ.length === 0 && root.learning.length === 0) return none;
      const width = Math.max(1, Math.ceil(slots / PARTS));
      const parts: SlotRange[] = [];
      for (let first = 0; first < slots; first += width)
        parts.push([first, Math.min(slots, first + width) - 1]);
      const { differ, learning } = await differingRanges(peerId, ask, parts);
      const wanted = [...new Set([...differ, ...learning])].flatMap((range) =>
        sharedSlots(topology, peerId, ask.count, range),
      );
      const found: number[] = [];
      const silent = new Set<number>();
      const lost = new Set<number>();
      for (let at = 0; at < wanted.length; at += MAX_COMPARED_RANGES - 1) {
        const some = wanted.slice(at, at + MAX_COMPARED_RANGES - 1).map((slot): SlotRange => [slot, slot]);
        const few = await differingRanges(peerId, ask, some);
        for (const [slot] of few.differ) found.push(slot);
        for (const [slot] of few.learning) silent.add(slot);
        for (const [slot] of few.lost) lost.add(slot);
      }
      return { slots: found, learning: silent, lost };
    },
    async slot(peerId, ask, slot, rules) {
      try {
        for (let round = 1; ; round++) {
          const { missed, ...outcome } = await reconcile(peerId, ask, slot, rules);
          if (!missed || !rules.exact) return outcome;
          if (round === MAX_ROUNDS) return { ...outcome, complete: false };
        }
      } catch (error) {
        if (!isP2posError(error) || error.retry) throw error;
        log.debug({ action: 'reconcile', peerId, slot, error }, 'a slot was not reconciled');
        return { complete: false, learning: false, lost: false, kept: [] };
      }
    },
  };
}
