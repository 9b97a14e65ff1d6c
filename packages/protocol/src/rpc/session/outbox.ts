/**
 * What waits to be sent on one channel: three queues by cost class, packed into chunks of up to 64 KiB once per
 * turn of the event loop. While the channel takes all, order is arrival; when it is full the classes share it 8 : 2 : 1
 * by bytes (deficit round robin, Shreedhar & Varghese 1995), and long bodies take turns within their class.
 */
import type { Clock } from '../../clock.ts';
import type { CostClass } from '../capability.ts';
import type { Channel } from '../ports.ts';
import {
  ANSWER_PART,
  CALL,
  CALL_HEADER_BYTES,
  CALL_PART,
  headerBytes,
  MAX_FRAME_BYTES,
  writeHeader,
} from '../wire/frame.ts';
import { shortLived } from '../wire/memory.ts';

export interface Message {
  readonly kind: number;
  readonly method: number;
  readonly id: number;
  readonly cost: CostClass;
  readonly body: Uint8Array;
  /** On the monotonic clock, ms; calls only. */
  readonly deadlineAt: number;
  /** Bytes of the body already written. */
  sent: number;
  started: boolean;
}

export interface OutboxDeps {
  readonly channel: Channel;
  readonly clock: Clock;
  /** Told how much more (or less) waits. */
  readonly account: { queuedBytes: number };
  /** The peer has taken nothing for `stallMs`. */
  readonly onStall: () => void;
}

export function createMessage(
  kind: number,
  id: number,
  cost: CostClass | undefined,
  body: Uint8Array,
  method = 0,
  deadlineAt = 0,
): Message {
  return { kind, method, id, cost: cost ?? 'interactive', body, deadlineAt, sent: 0, started: false };
}

const CLASSES: readonly CostClass[] = ['interactive', 'bulk', 'repair'];
const CLASS_INDICES = [0, 1, 2] as const;
type ClassIndex = (typeof CLASS_INDICES)[number];
const WEIGHTS = [8, 2, 1] as const;
/** Payloads of longer frames are not copied into a chunk with others. */
const LONG_FRAME_BYTES = 16_384;
/** So much is sent without waiting for the end of the turn. */
const EAGER_BYTES = 8_192;

export class Outbox {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #account: { queuedBytes: number };
  readonly #onStall: () => void;
  readonly #stallMs: number;
  readonly #queues: [Message[], Message[], Message[]] = [[], [], []];
  readonly #credit: [number, number, number] = [0, 0, 0];
  #wireBytes = 0;
  /** The part of it that belongs to messages of one short frame. */
  #shortBytes = 0;
  #scheduled = false;
  #blocked = false;
  #closed = false;
  #stall: Disposable | undefined;

  constructor({ channel, clock, account, onStall }: OutboxDeps, { stallMs }: { readonly stallMs: number }) {
    this.#channel = channel;
    this.#clock = clock;
    this.#account = account;
    this.#onStall = onStall;
    this.#stallMs = stallMs;
  }

  add(message: Message): void {
    if (this.#closed) return;
    this.#queues[classOf(message)].push(message);
    this.#grow(message, wireBytesLeft(message));
    if (this.#blocked) return;
    // The peer may begin on these while we make the rest.
    if (this.#wireBytes >= EAGER_BYTES) this.flush();
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.flush());
  }

  /** Takes back what has not been sent. True if nothing of it was: the peer never hears of it. */
  remove(message: Message): boolean {
    const queue = this.#queues[classOf(message)];
    const index = queue.indexOf(message);
    if (index >= 0) {
      queue.splice(index, 1);
      this.#grow(message, -wireBytesLeft(message));
    }
    return !message.started;
  }

  /** Sends what the channel takes now. */
  flush(): void {
    this.#scheduled = false;
    while (this.#wireBytes > 0 && !this.#blocked && !this.#closed) {
      const index = this.#nextClass();
      const message = this.#queues[index][0] as Message;
      const need = nextFrameBytes(message);
      const more = need > LONG_FRAME_BYTES ? this.#sendLong(index, message, need) : this.#sendShort(need);
      if (!more) this.#wait();
    }
  }

  close(): void {
    this.#closed = true;
    this.#stall?.[Symbol.dispose]();
    this.#account.queuedBytes -= this.#wireBytes;
    this.#wireBytes = 0;
    this.#shortBytes = 0;
    for (const queue of this.#queues) queue.length = 0;
  }

  #grow(message: Message, bytes: number): void {
    this.#wireBytes += bytes;
    if (message.body.length <= LONG_FRAME_BYTES - CALL_HEADER_BYTES) this.#shortBytes += bytes;
    this.#account.queuedBytes += bytes;
  }

  #wait(): void {
    this.#blocked = true;
    this.#stall = this.#clock.after(this.#stallMs, this.#onStall);
    this.#channel.drained().then(
      () => {
        this.#stall?.[Symbol.dispose]();
        this.#blocked = false;
        this.flush();
      },
      // The channel has ended, which its reader is told.
      () => this.#stall?.[Symbol.dispose](),
    );
  }

  /** One frame whose payload goes out uncopied. */
  #sendLong(index: ClassIndex, message: Message, need: number): boolean {
    const { body, sent } = message;
    const header = shortLived(nextHeaderBytes(message));
    const payload = writeFrameHeader(header, 0, message, need, this.#clock.monotonic());
    this.#took(index, message, need);
    const more = this.#channel.send(header);
    return this.#channel.send(payload === body.length ? body : body.subarray(sent, sent + payload)) && more;
  }

  /** Short frames packed into one chunk. */
  #sendShort(first: number): boolean {
    const size = Math.max(first, Math.min(MAX_FRAME_BYTES, this.#shortBytes));
    const chunk = shortLived(size);
    const now = this.#clock.monotonic();
    let at = 0;
    while (this.#wireBytes > 0) {
      const index = this.#nextClass();
      const message = this.#queues[index][0] as Message;
      const need = nextFrameBytes(message);
      if (need > LONG_FRAME_BYTES || at + need > size) break;
      const { body, sent } = message;
      const payload = writeFrameHeader(chunk, at, message, need, now);
      chunk.set(payload === body.length ? body : body.subarray(sent, sent + payload), at + need - payload);
      at += need;
      this.#took(index, message, need);
    }
    return this.#channel.send(at === size ? chunk : chunk.subarray(0, at));
  }

  /** The most urgent class that still has credit; credit is given out anew when all that wait have used theirs. */
  #nextClass(): ClassIndex {
    let waiting = -1;
    for (const index of CLASS_INDICES) {
      if (this.#queues[index].length === 0) continue;
      if (this.#credit[index] > 0) return index;
      if (waiting < 0) waiting = index;
    }
    for (const index of CLASS_INDICES) {
      const share = WEIGHTS[index] * MAX_FRAME_BYTES;
      this.#credit[index] = Math.min(share, this.#credit[index] + share);
    }
    return Math.max(0, waiting) as ClassIndex;
  }

  #took(index: ClassIndex, message: Message, bytes: number): void {
    this.#grow(message, -bytes);
    this.#credit[index] -= bytes;
    const queue = this.#queues[index];
    if (message.sent >= message.body.length) queue.shift();
    else if (queue.length > 1) queue.push(queue.shift() as Message);
  }
}

function classOf(message: Message): ClassIndex {
  return CLASSES.indexOf(message.cost) as ClassIndex;
}

function nextHeaderBytes(message: Message): number {
  return headerBytes(message.started ? ANSWER_PART : message.kind);
}

function nextFrameBytes(message: Message): number {
  return Math.min(MAX_FRAME_BYTES, nextHeaderBytes(message) + message.body.length - message.sent);
}

function wireBytesLeft(message: Message): number {
  const left = message.body.length - message.sent;
  const part = MAX_FRAME_BYTES - headerBytes(CALL_PART);
  if (message.started) return left + Math.ceil(left / part) * headerBytes(CALL_PART);
  const first = headerBytes(message.kind);
  const rest = Math.max(0, left - (MAX_FRAME_BYTES - first));
  return left + first + Math.ceil(rest / part) * headerBytes(CALL_PART);
}

/** Writes the header of the message's next frame, of `bytes` in all; answers how much payload follows. */
function writeFrameHeader(out: Uint8Array, at: number, message: Message, bytes: number, now: number): number {
  const { kind, started, sent, body } = message;
  const frameKind = started ? (kind === CALL ? CALL_PART : ANSWER_PART) : kind;
  const payload = bytes - headerBytes(frameKind);
  const timeoutMs = kind === CALL ? Math.max(0, Math.ceil(message.deadlineAt - now)) : 0;
  const method = started ? 0 : message.method;
  writeHeader(out, at, frameKind, method, message.id, payload, started ? 0 : body.length, timeoutMs);
  message.started = true;
  message.sent = sent + payload;
  return payload;
}
