/**
 * A durable topic read from somewhere on and followed: entries from the log, and at its end those that the writer tells of
 * as it writes them. What it tells is only a hint; what is missed of it is found in the log.
 */
import { decodeCbor, encodeCbor } from '@p2pos/protocol';
import { type Clock, sleep } from '../../../core/clock/index.ts';
import type { PeerId } from '../../../core/net/index.ts';
import type { SubscriptionEvent } from '../subscription.ts';
import { afterEntry, decodeEntry, type Entry, encodeEntry, type Gone, type Position } from './format.ts';
import { isPassing, type TopicLog } from './log.ts';
import type { Payloads } from './payload.ts';

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
  /** What the writer tells, from the call on. */
  readonly listen: (signal: AbortSignal) => Promise<AsyncIterable<readonly SubscriptionEvent[]>>;
}

export interface ReaderInput {
  readonly from: From;
  /** Ends before this sequence instead of waiting for more. */
  readonly until?: 'end' | undefined;
}

interface Found {
  readonly entry?: Entry;
  readonly after: Position;
}

/** Entries that are read ahead. */
const AHEAD = 8;
/** Told entries that are kept until their turn. */
const MAX_TOLD = 256;
/** Without a word the log is looked at this often. */
const POLL_MS = 5_000;
const RETRY_MS = 500;

export const encodeTold = (number: number, entry: Entry) => encodeCbor([number, encodeEntry(entry)]);

/** Until the signal aborts. @throws P2posError RECORD_INVALID */
export async function* readTopic(
  { topic, payloads, clock, listen }: ReaderDeps,
  { from, until }: ReaderInput,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<readonly TopicEvent[]> {
  const told = new Map<number, Found>();
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
    told.set(at as number, { entry, after: afterEntry(at as number, entry) });
    if (told.size > MAX_TOLD) told.delete(told.keys().next().value as number);
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
    let end = hint;
    for (let found = await topic.read(end.entry, { signal }); found; ) {
      end = found.after;
      found = await topic.read(end.entry, { signal });
    }
    if (from.kind === 'end') return { number: end.entry, sequence: end.sequence, since: 0 };
    const wanted = (entry: Entry) =>
      from.kind === 'sequence'
        ? entry.sequence + entry.messages.length > from.sequence
        : entry.messages.some(({ at }) => at >= from.at);
    const at = await topic.search(first.entry, end.entry, wanted, { signal });
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

  async function eventsOf(entry: Entry): Promise<TopicEvent[]> {
    const events: TopicEvent[] = [];
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
    }
    return events;
  }

  /** Nothing at this number: the end, or a hole where what was there has expired. Null: the end. */
  async function beyondHole(): Promise<number | null> {
    ahead.clear();
    const { hint, first } = await topic.head({ signal });
    const end = Math.max(hint.entry, ...told.keys());
    if (number >= end) return null;
    return topic.search(Math.max(number, first.entry), end, () => true, { signal });
  }

  yield [{ type: 'begin', sequence: sequence ?? null }];
  for (;;) {
    signal.throwIfAborted();
    const found = await patiently(next);
    if (found) {
      told.delete(number);
      number = found.after.entry;
      const events = found.entry ? await eventsOf(found.entry) : [];
      if (events.length > 0) yield events;
      continue;
    }
    const on = await patiently(beyondHole);
    if (on !== null && on !== number) {
      number = on;
      continue;
    }
    if (until === 'end') return;
    quick = false;
    const waiting = new AbortController();
    wake = () => waiting.abort();
    if (!told.has(number))
      await sleep(clock, POLL_MS, { signal: AbortSignal.any([signal, waiting.signal]) }).catch(() => {});
    quick = !told.has(number);
  }
}
