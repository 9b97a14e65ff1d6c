/**
 * A durable topic read from somewhere on and followed: entries from the log, and at its end those that the writer tells of
 * as it writes them. What it tells is only a hint; what is missed of it is found in the log.
 */
import { decodeCbor, encodeCbor } from '@p2pos/protocol';
import { type Clock, sleep } from '../../../core/clock/index.ts';
import type { PeerId } from '../../../core/net/index.ts';
import type { Held, Share } from '../subscriptions/budget.ts';
import type { SubscriptionEvent } from '../subscriptions/subscription.ts';
import { afterEntry, decodeEntry, type Entry, encodeEntry, type Gone } from './format.ts';
import { isPassing, type TopicLog } from './log.ts';
import type { Payloads } from './payload.ts';
import { createTold, type Found } from './told.ts';

/** From where: the oldest that is kept, the next that comes, a sequence, or the first published at a time (ms) or later. */
export type From =
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'sequence'; readonly sequence: number }
  | { readonly kind: 'time'; readonly at: number };

export type TopicEvent =
  /** The first: what is wanted from now on; null: whatever there is. */
  | { readonly type: 'begin'; readonly sequence: number | null }
  | {
      readonly type: 'message';
      readonly sequence: number;
      /** Under which the sequence was given. */
      readonly token: number;
      readonly publisher: PeerId;
      readonly at: number;
      readonly data: Uint8Array;
    }
  /** Retention took these. */
  | { readonly type: 'gap'; readonly from: number; readonly to: number };

export interface ReaderDeps {
  readonly topic: TopicLog;
  readonly payloads: Pick<Payloads, 'read'>;
  readonly clock: Clock;
  /** Where it counts what a client has in hand; without, nobody counts it. */
  readonly share?: (() => Share) | undefined;
  /** What the writer tells, from the call on. */
  readonly listen: (signal: AbortSignal) => Promise<AsyncIterable<readonly SubscriptionEvent[]>>;
}

export interface ReaderInput {
  readonly from: From;
  /** Ends before this sequence instead of waiting for more. */
  readonly until?: 'end' | undefined;
}

/** Entries that are read ahead. */
const AHEAD = 8;
/** Told entries that are kept until their turn. */
const MAX_TOLD = 256;
const MAX_TOLD_BYTES = 256 * 1_024;
/** Handed on at once, of an entry whose messages are large. */
const MAX_BATCH_BYTES = 256 * 1_024;
/** What is told and read ahead, at most. */
const AROUND_BYTES = MAX_TOLD_BYTES + AHEAD * 64 * 1_024;
/** Without a word the log is looked at this often. */
const POLL_MS = 5_000;
const RETRY_MS = 500;

export const encodeTold = (number: number, entry: Entry) => encodeCbor([number, encodeEntry(entry)]);

/** Until the signal aborts. @throws P2posError RECORD_INVALID */
export async function* readTopic(
  { topic, payloads, clock, share: openShare, listen }: ReaderDeps,
  { from, until }: ReaderInput,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<readonly TopicEvent[]> {
  const told = createTold({ maxEntries: MAX_TOLD, maxBytes: MAX_TOLD_BYTES });
  let number = 0;
  let sequence: number | undefined;
  let since = 0;
  let wake = () => {};
  if (until === undefined) hear(await listen(signal)).catch(() => {});
  ({ number, sequence, since } = await patiently(find));
  const ahead = new Map<number, Promise<Found | undefined>>();
  let quick = true;

  async function hear(batches: AsyncIterable<readonly SubscriptionEvent[]>): Promise<void> {
    for await (const batch of batches) {
      for (const event of batch) if (event.type === 'message') keep(event.data);
      wake();
    }
  }

  /** A hint, and from whoever it may be: what cannot be read is read in the log. */
  function keep(data: Uint8Array): void {
    let entry: Entry | Gone;
    let at: unknown;
    try {
      const fields = decodeCbor(data) as [unknown, Uint8Array];
      at = fields[0];
      entry = decodeEntry(fields[1]);
    } catch {
      return;
    }
    if ('after' in entry || !Number.isSafeInteger(at) || (at as number) < number) return;
    told.add(at as number, { entry, after: afterEntry(at as number, entry) }, data.length);
  }

  async function patiently<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted || !isPassing(error)) throw error;
        await sleep(clock, RETRY_MS, { signal });
      }
    }
  }

  /** Where to begin: the entry, the sequence that is wanted next if that is known, the time from which on. */
  async function find(): Promise<{ number: number; sequence: number | undefined; since: number }> {
    const { first, hint } = await topic.head({ signal });
    const all = { number: first.entry, sequence: undefined, since: 0 };
    if (from.kind === 'start') return all;
    if (from.kind === 'end') {
      let end = hint;
      for (let found = await topic.read(end.entry, { signal }); found; ) {
        end = found.after;
        found = await topic.read(end.entry, { signal });
      }
      return { number: end.entry, sequence: end.sequence, since: 0 };
    }
    const wanted = (entry: Entry) =>
      from.kind === 'sequence'
        ? entry.sequence + entry.messages.length > from.sequence
        : entry.messages.some(({ at }) => at >= from.at);
    // What lies beyond the hint is passed over as it is read: its end may move on as fast as it is looked for.
    const at = await topic.search(first.entry, hint.entry, wanted, { signal });
    return from.kind === 'sequence'
      ? { number: at, sequence: from.sequence, since: 0 }
      : { number: at, sequence: undefined, since: from.at };
  }

  function next(): Promise<Found | undefined> {
    const known = told.get(number);
    if (known) return Promise.resolve(known);
    for (let i = number; i < number + (quick ? AHEAD : 1); i++) {
      if (ahead.has(i)) continue;
      const reading = topic.read(i, { signal });
      reading.catch(() => {});
      ahead.set(i, reading);
    }
    const reading = ahead.get(number) as Promise<Found | undefined>;
    ahead.delete(number);
    return reading;
  }

  /** Until there is room for what a client then has in hand. Nothing is lost by waiting: the log has it. */
  async function* handOn(
    events: readonly TopicEvent[],
    bytes: number,
  ): AsyncGenerator<readonly TopicEvent[]> {
    if (events.length === 0) return;
    const share = openShare?.();
    const held: Held = { buffer: { byteLength: bytes + AROUND_BYTES }, holders: 0 };
    try {
      share?.add(held);
      while (share?.isFull()) {
        share.remove(held);
        await sleep(clock, RETRY_MS, { signal }).finally(() => share.add(held));
      }
      share?.relieve();
      yield events;
    } finally {
      share?.remove(held);
      share?.[Symbol.dispose]();
    }
  }

  async function* eventsOf(entry: Entry): AsyncGenerator<readonly TopicEvent[]> {
    let events: TopicEvent[] = [];
    let size = 0;
    const { token } = entry;
    if (sequence !== undefined && entry.sequence > sequence) {
      events.push({ type: 'gap', from: sequence, to: entry.sequence - 1 });
      sequence = entry.sequence;
    }
    for (const [i, { publisher, at, data }] of entry.messages.entries()) {
      const own = entry.sequence + i;
      if ((sequence !== undefined && own < sequence) || at < since) continue;
      since = 0;
      sequence = own + 1;
      const bytes =
        data instanceof Uint8Array ? data : await patiently(() => payloads.read(topic, data, { signal }));
      if (bytes) events.push({ type: 'message', sequence: own, token, publisher, at, data: bytes });
      else events.push({ type: 'gap', from: own, to: own });
      size += bytes?.length ?? 0;
      if (size < MAX_BATCH_BYTES) continue;
      yield* handOn(events, size);
      events = [];
      size = 0;
    }
    yield* handOn(events, size);
  }

  /** Nothing at this number: the end, a hole where what was there has expired, or it has come since. Null: the end. */
  async function beyondHole(): Promise<number | null> {
    ahead.clear();
    const { hint, first } = await topic.head({ signal });
    const end = Math.max(hint.entry, told.last());
    if (number >= end) return null;
    return topic.search(Math.max(number, first.entry), end, () => true, { signal });
  }

  yield [{ type: 'begin', sequence: sequence ?? null }];
  for (;;) {
    signal.throwIfAborted();
    const found = await patiently(next);
    if (found) {
      number = found.after.entry;
      told.advance(number);
      if (found.entry) yield* eventsOf(found.entry);
      continue;
    }
    const on = await patiently(beyondHole);
    if (on !== null) {
      number = on;
      told.advance(number);
      continue;
    }
    if (until === 'end') return;
    quick = false;
    const waiting = new AbortController();
    wake = () => waiting.abort();
    if (!told.get(number))
      await sleep(clock, POLL_MS, { signal: AbortSignal.any([signal, waiting.signal]) }).catch(() => {});
    quick = !told.get(number);
  }
}
