/**
 * Who gives a durable topic its sequence: the holder of its lease. It writes one entry after another, each at the number
 * after the last, only where nothing is: so a former holder, however late, meets the entry with which its successor fenced
 * it off. Messages that come while an entry is being written go together in the next.
 */
import { P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../../core/clock/index.ts';
import type { Logger } from '../../../core/log/index.ts';
import type { PeerId } from '../../../core/net/index.ts';
import type { Lease } from '../../../core/records/index.ts';
import type { Account } from './account.ts';
import {
  type Entry,
  type Head,
  lengthOf,
  MAX_ENTRY_BYTES,
  MAX_ENTRY_DATA_BYTES,
  MAX_ENTRY_MESSAGES,
  type Position,
  type StoredMessage,
  weightOf,
} from './format.ts';
import { isPassing, type TopicLog } from './log.ts';
import type { Seat } from './seats.ts';

export interface SequencerDeps {
  readonly self: PeerId;
  readonly topic: TopicLog;
  readonly lease: Lease;
  /** Of what waits for the logs of its app. */
  readonly account: Account;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of corrected time, ms. */
  readonly now: () => number;
  /** It is on the disks of a majority: tell those who follow. */
  readonly onWritten: (number: number, entry: Entry) => void;
  readonly removePayloads: (messages: readonly StoredMessage[]) => Promise<void>;
}

export interface Appended {
  readonly sequence: number;
  readonly token: number;
  /** An earlier call had its answer: who listens has heard of the message from there. */
  readonly repeated?: true | undefined;
}

export interface Sequencer extends Seat {
  /** @throws P2posError LEASE_LOST: another holds it, and whether the message is in the log is seen by its id */
  append(message: StoredMessage, options?: { readonly signal?: AbortSignal | undefined }): Promise<Appended>;
}

/** A message that is in the log. */
interface Known extends Appended {
  /** By whose call; that one may ask several times. */
  readonly publisher: PeerId;
  readonly at: number;
  /** Whether somebody has heard of it who still waited. */
  told: boolean;
}

interface Waiting {
  readonly message: StoredMessage;
  readonly resolve: (known: Known) => void;
  readonly reject: (error: unknown) => void;
}

/** Repeats are recognised among so many. */
const MAX_IDS = 8_192;
const MAX_WAITING = 8_192;
const MAX_WAITING_BYTES = 32 * 1_048_576;
/** The head is written again after so many entries, or so long. */
const HINT_ENTRIES = 256;
const HINT_MS = 1_000;
/** And at least this often, since retention may have been set anew. */
const TEND_MS = 60_000;
/** Beyond what a lost holder can have written after its last hint. */
const LEAP_ENTRIES = 4 * HINT_ENTRIES;
const LEAP_MESSAGES = LEAP_ENTRIES * MAX_ENTRY_MESSAGES;
/** Entries that retention takes at once; the rest has its turn a little later. */
const MAX_TAKEN = 64;
const RETRY_MS = 100;
/** Entries before the end whose messages are remembered. */
const LOOK_BACK = 16;

/** Finds the end, fences off whoever wrote before, and tells the head who writes now. */
export async function createSequencer(deps: SequencerDeps): Promise<Sequencer> {
  const { self, topic, lease, account, clock, now, onWritten } = deps;
  const log = deps.log.child({ module: 'topics' });
  const { token } = lease;
  const over = new AbortController();
  lease.lost.addEventListener('abort', () => over.abort(lease.lost.reason), { once: true });
  const options = { signal: over.signal };
  const ids = new Map<string, Known>();
  /** Those on their way, by id. */
  const pending = new Map<string, Promise<Known>>();
  const waiting: Waiting[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> | undefined;
  let head: Head = await topic.head(options);
  let next: Position = await findEnd();
  let hintedAt = clock.monotonic();
  let usedAt = clock.monotonic();
  let tending: Promise<void> | undefined;
  /** The end of the log when retention last found nothing more to take. */
  let tended = 0;

  /** @param told Whoever wrote it has answered, as far as can be known. */
  function remember({ token, sequence, messages }: Entry, { told }: { readonly told: boolean }): Known[] {
    return messages.map(({ id, publisher, at }, i) => {
      const known = { sequence: sequence + i, token, publisher, at, told };
      ids.set(textOf(id), known);
      if (ids.size > MAX_IDS) ids.delete(ids.keys().next().value as string);
      return known;
    });
  }

  function answerTo(
    { publisher, at }: StoredMessage,
    known: Known,
    signal: AbortSignal | undefined,
  ): Appended {
    const repeated = known.told && !(known.publisher === publisher && known.at === at);
    known.told ||= !signal?.aborted;
    const { sequence, token } = known;
    return { sequence, token, ...(repeated && { repeated }) };
  }

  async function findEnd(): Promise<Position> {
    const { hint, retention } = head;
    for (let number = Math.max(1, hint.entry - LOOK_BACK); number < hint.entry; number++) {
      const found = await topic.read(number, options);
      if (found?.entry) remember(found.entry, { told: true });
    }
    let at = hint;
    for (;;) {
      const found = await topic.read(at.entry, options);
      if (!found) break;
      if (found.entry) remember(found.entry, { told: true });
      at = found.after;
    }
    // A holder that died before its last hint, so long ago that what it wrote after it has expired: none of it may be reused.
    const expired = head.open && at.entry === hint.entry && now() - head.at > retention.ageMs - 60_000;
    if (!expired || head.at === 0) return at;
    return { entry: at.entry + LEAP_ENTRIES, sequence: at.sequence + LEAP_MESSAGES, bytes: at.bytes };
  }

  /** True: it is there. False: another has written, this one is over. */
  async function write(entry: Entry): Promise<boolean> {
    for (;;) {
      over.signal.throwIfAborted();
      try {
        return await topic.write(next.entry, entry, head.retention.ageMs, options);
      } catch (error) {
        if (over.signal.aborted || !isPassing(error)) throw error;
        // Not known whether it is there: nothing else may be tried before that is.
        await sleep(clock, RETRY_MS, options);
      }
    }
  }

  function nextBatch(): Waiting[] {
    let size = 0;
    let data = 0;
    let end = 0;
    for (const { message } of waiting) {
      size += weightOf(message);
      data += lengthOf(message);
      const isFull = size > MAX_ENTRY_BYTES || data > MAX_ENTRY_DATA_BYTES || end >= MAX_ENTRY_MESSAGES;
      if (end > 0 && isFull) break;
      end++;
    }
    return take(end);
  }

  function count(bytes: number): void {
    waitingBytes += bytes;
    account.bytes += bytes;
  }

  function take(most = waiting.length): Waiting[] {
    const taken = waiting.splice(0, most);
    for (const { message } of taken) count(-weightOf(message));
    return taken;
  }

  async function drain(): Promise<void> {
    try {
      while (waiting.length > 0) await writeBatch();
    } finally {
      // In the very step that finds nothing waiting: what comes a moment later begins it anew.
      writing = undefined;
    }
  }

  async function writeBatch(): Promise<void> {
    const batch = nextBatch();
    const messages = batch.map(({ message }) => message);
    const entry: Entry = { token, sequence: next.sequence, bytes: next.bytes, messages };
    try {
      if (next.entry - head.hint.entry >= HINT_ENTRIES) await tend();
      if (!(await write(entry))) throw new P2posError('LEASE_LOST', { token });
    } catch (error) {
      over.abort(error);
      for (const { reject } of [...batch, ...take()]) reject(error);
      return;
    }
    const number = next.entry;
    next = {
      entry: number + 1,
      sequence: next.sequence + messages.length,
      bytes: messages.reduce((sum, message) => sum + lengthOf(message), next.bytes),
    };
    const written = remember(entry, { told: false });
    for (const [i, { resolve }] of batch.entries()) resolve(written[i] as Known);
    onWritten(number, entry);
    if (clock.monotonic() - hintedAt > HINT_MS) void tend().catch(() => {});
  }

  /** The head, and what retention takes. One at a time. */
  function tend(open = true): Promise<void> {
    tending ??= retain(open).finally(() => {
      tending = undefined;
    });
    return tending;
  }

  async function retain(open: boolean): Promise<void> {
    hintedAt = clock.monotonic();
    const hint = next;
    // What is after the hint on disk has its turn the next time.
    const whole = head.hint.entry === hint.entry;
    let { first } = head;
    // Only before the hint that is on disk, so that an end is always found.
    let taken = 0;
    for (; first.entry < head.hint.entry && taken < MAX_TAKEN; taken++) {
      const found = await topic.read(first.entry, options);
      const after = found?.after ?? { ...first, entry: first.entry + 1 };
      const { messages, bytes } = head.retention;
      const kept = next.sequence - after.sequence >= messages || next.bytes - after.bytes >= bytes;
      if (found?.entry && !kept) break;
      if (found?.entry) {
        await topic.remove(first.entry, after, options);
        await deps.removePayloads(found.entry.messages);
      }
      first = after;
    }
    if (whole && taken < MAX_TAKEN) tended = hint.entry;
    head = await topic.editHead((before) => {
      if (before.token > token) throw new P2posError('LEASE_LOST', { token });
      return { ...before, holder: open ? self : null, token, hint, first, at: now(), open };
    }, options);
  }

  // The fence: whoever held it before cannot write past this entry, since its next is at this very number.
  for (;;) {
    const fence: Entry = { token, sequence: next.sequence, bytes: next.bytes, messages: [] };
    const number = next.entry;
    if (await write(fence)) {
      next = { ...next, entry: number + 1 };
      onWritten(number, fence);
      break;
    }
    const found = await topic.read(number, options);
    if (found?.entry && found.entry.token > token) throw new P2posError('LEASE_LOST', { token });
    if (!found) continue;
    if (found.entry) remember(found.entry, { told: true });
    next = found.after;
  }
  await tend();
  log.debug({ action: 'topic_held', topic: topic.topic, token, sequence: next.sequence }, 'topic held');

  return {
    over: over.signal,
    get usedAt() {
      return usedAt;
    },
    async append(message, { signal } = {}) {
      usedAt = clock.monotonic();
      const id = textOf(message.id);
      const before = ids.get(id) ?? pending.get(id);
      if (before) return answerTo(message, await before, signal);
      if (over.signal.aborted) throw new P2posError('LEASE_LOST', { token });
      const isFull = waiting.length >= MAX_WAITING || waitingBytes > MAX_WAITING_BYTES;
      if (isFull || account.bytes > account.maxBytes)
        throw new P2posError('OVERLOADED', { what: 'The topic' });
      const appending = new Promise<Known>((resolve, reject) => {
        waiting.push({ message, resolve, reject });
        count(weightOf(message));
        writing ??= Promise.resolve().then(drain);
      });
      pending.set(id, appending);
      const forget = () => void pending.delete(id);
      appending.then(forget, forget);
      return answerTo(message, await appending, signal);
    },
    tick() {
      const idle = next.entry === tended && clock.monotonic() - hintedAt < TEND_MS;
      if (!idle && !over.signal.aborted) void tend().catch(() => {});
    },
    async [Symbol.asyncDispose]() {
      await writing;
      await tending?.catch(() => {});
      if (!over.signal.aborted) await tend(false).catch(() => {});
      over.abort(new P2posError('LEASE_LOST', { token }));
      await lease[Symbol.asyncDispose]();
    },
  };
}

const textOf = (id: Uint8Array) => Buffer.from(id).toString('latin1');
