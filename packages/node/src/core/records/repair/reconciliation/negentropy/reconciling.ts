/** The rules of both sides: what a range is answered with, and what the initiator learns from it. */
import { equalBytes } from '@p2pos/protocol';
import { textOf } from '../../../format/names.ts';
import { type Bound, END, MODE, malformed, Reader, START, VERSION, Writer } from './format.ts';
import { FINGERPRINT_BYTES, type Items } from './items.ts';

export interface Limits {
  /** Greatest message, bytes; at least 4 096. What does not fit is left to the next message. */
  readonly maxMessageBytes: number;
}

/** Each id is told once or more. */
export interface Sinks {
  /** Held by the initiator, not by the other. */
  have(id: Uint8Array): void;
  /** Held by the other only. */
  need(id: Uint8Array): void;
}

const BUCKETS = 16;
/** Kept free for the range that stands for all that did not fit. */
const RESERVE_BYTES = 200;

export function initiate(items: Items): Uint8Array {
  const out = new Writer();
  out.bytes(Uint8Array.of(VERSION));
  split(items, 0, items.size, END, out);
  return out.finish();
}

/** What the other side answers; an empty message of this version to one of another version. @throws P2posError RECONCILIATION_MALFORMED */
export function answer(items: Items, message: Uint8Array, limits: Limits): Uint8Array {
  return run(items, message, limits, undefined).finish();
}

/** What the initiator makes of an answer. `message`: undefined when all is known. @throws P2posError RECONCILIATION_MALFORMED */
export function proceed(
  items: Items,
  message: Uint8Array,
  limits: Limits,
  sinks: Sinks,
): { readonly message: Uint8Array | undefined } {
  const out = run(items, message, limits, sinks);
  return { message: out.length === 1 ? undefined : out.finish() };
}

function run(
  items: Items,
  message: Uint8Array,
  { maxMessageBytes }: Limits,
  sinks: Sinks | undefined,
): Writer {
  if (message.length > maxMessageBytes) throw malformed(`it is longer than ${maxMessageBytes} bytes`);
  const most = maxMessageBytes - RESERVE_BYTES;
  const input = new Reader(message);
  const out = new Writer();
  out.bytes(Uint8Array.of(VERSION));
  const version = input.byte();
  if (version !== VERSION) {
    if (version < 0x60 || version > 0x6f || sinks) throw malformed('it is of another version');
    return out;
  }
  let lower = 0;
  let before: Bound = START;
  let skipping = false;
  const endSkip = () => {
    if (!skipping) return;
    skipping = false;
    out.bound(before);
    out.varint(MODE.skip);
  };
  while (!input.done) {
    const bound = input.bound();
    const mode = input.varint();
    const upper = items.lowerBound(lower, bound);
    let reached = upper;
    if (mode === MODE.skip) skipping = true;
    else if (mode === MODE.fingerprint) {
      if (equalBytes(input.take(FINGERPRINT_BYTES), items.fingerprint(lower, upper))) skipping = true;
      else {
        // A split takes at most this much; when there is no room it waits for another message.
        if (out.length > most - MAX_SPLIT_BYTES) {
          remainder(items, lower, before, out, skipping);
          return out;
        }
        endSkip();
        split(items, lower, upper, bound, out);
      }
    } else if (mode === MODE.ids) {
      const theirs = input.ids();
      if (sinks) {
        skipping = true;
        compare(items, lower, upper, theirs, sinks);
      } else {
        endSkip();
        reached = list(items, lower, upper, bound, out, most);
      }
    } else throw malformed('it has a range of an unknown mode');
    if (reached < upper || out.length > most) {
      rest(items, reached, out);
      return out;
    }
    lower = upper;
    before = bound;
  }
  return out;
}

/** Sixteen bounds with fingerprints, or 31 ids. */
const MAX_SPLIT_BYTES = 1_104;

function split(items: Items, lower: number, upper: number, end: Bound, out: Writer): void {
  const count = upper - lower;
  if (count < 2 * BUCKETS) {
    out.bound(end);
    out.varint(MODE.ids);
    out.varint(count);
    for (let index = lower; index < upper; index++) out.bytes(items.id(index));
    return;
  }
  const each = Math.floor(count / BUCKETS);
  const larger = count % BUCKETS;
  let at = lower;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const next = at + each + (bucket < larger ? 1 : 0);
    out.bound(next === upper ? end : between(items, next));
    out.varint(MODE.fingerprint);
    out.bytes(items.fingerprint(at, next));
    at = next;
  }
}

/** The shortest bound that parts an item from the one before it. */
function between(items: Items, index: number): Bound {
  const time = items.time(index);
  if (items.time(index - 1) !== time) return { time, prefix: START.prefix };
  const id = items.id(index);
  const previous = items.id(index - 1);
  let shared = 0;
  while (shared < id.length && id[shared] === previous[shared]) shared++;
  return { time, prefix: id.subarray(0, shared + 1) };
}

/** Answers how far it got. */
function list(items: Items, lower: number, upper: number, bound: Bound, out: Writer, most: number): number {
  let end = upper;
  const room = Math.max(0, Math.floor((most - out.length) / 32) + 1);
  if (upper - lower > room) end = lower + room;
  out.bound(end === upper ? bound : { time: items.time(end), prefix: items.id(end) });
  out.varint(MODE.ids);
  out.varint(end - lower);
  for (let index = lower; index < end; index++) out.bytes(items.id(index));
  return end;
}

function compare(
  items: Items,
  lower: number,
  upper: number,
  theirs: readonly Uint8Array[],
  sinks: Sinks,
): void {
  const left = new Map(theirs.map((id) => [textOf(id), id]));
  for (let index = lower; index < upper; index++) {
    const id = items.id(index);
    if (!left.delete(textOf(id))) sinks.have(id);
  }
  for (const id of left.values()) sinks.need(id);
}

/** One fingerprint for all from `lower` on. */
function rest(items: Items, lower: number, out: Writer): void {
  out.bound(END);
  out.varint(MODE.fingerprint);
  out.bytes(items.fingerprint(lower, items.size));
}

function remainder(items: Items, lower: number, before: Bound, out: Writer, skipping: boolean): void {
  if (skipping) {
    out.bound(before);
    out.varint(MODE.skip);
  }
  rest(items, lower, out);
}
