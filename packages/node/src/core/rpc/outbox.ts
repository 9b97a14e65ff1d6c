/**
 * What waits to be sent on one channel: three queues by cost class, packed into chunks of up to 64 KiB once per
 * turn of the event loop. While the channel takes all, order is arrival; when it is full the classes share it 8 : 2 : 1
 * by bytes (deficit round robin, Shreedhar & Varghese 1995), and long bodies take turns within their class.
 */
import type { Clock } from '../clock/index.ts';
import type { Channel } from '../net/index.ts';
import { ANSWER_PART, CALL, CALL_PART, headerBytes, MAX_FRAME_BYTES, writeHeader } from './frame.ts';
import type { CostClass } from './index.ts';

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

const CLASSES: readonly CostClass[] = ['interactive', 'bulk', 'repair'];
const WEIGHTS = [8, 2, 1] as const;

export class Outbox {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #account: { queuedBytes: number };
  readonly #onStall: () => void;
  readonly #stallMs: number;
  readonly #queues: [Message[], Message[], Message[]] = [[], [], []];
  readonly #credit: [number, number, number] = [0, 0, 0];
  #wireBytes = 0;
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
    this.#grow(wireBytesLeft(message));
    if (this.#scheduled || this.#blocked) return;
    this.#scheduled = true;
    queueMicrotask(() => this.flush());
  }

  /** Takes back what has not been sent. True if nothing of it was: the peer never hears of it. */
  remove(message: Message): boolean {
    const queue = this.#queues[classOf(message)];
    const index = queue.indexOf(message);
    if (index >= 0) {
      queue.splice(index, 1);
      this.#grow(-wireBytesLeft(message));
    }
    return !message.started;
  }

  /** Sends what the channel takes now. */
  flush(): void {
    this.#scheduled = false;
    while (this.#wireBytes > 0 && !this.#blocked && !this.#closed) {
      const more = this.#channel.send(this.#pack());
      if (!more) this.#wait();
    }
  }

  close(): void {
    this.#closed = true;
    this.#stall?.[Symbol.dispose]();
    this.#grow(-this.#wireBytes);
    for (const queue of this.#queues) queue.length = 0;
  }

  #grow(bytes: number): void {
    this.#wireBytes += bytes;
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

  #pack(): Uint8Array {
    const size = Math.min(MAX_FRAME_BYTES, this.#wireBytes);
    const chunk = Buffer.allocUnsafe(size);
    const now = this.#clock.monotonic();
    let at = 0;
    for (;;) {
      const index = this.#nextClass();
      const message = this.#queues[index]?.[0];
      if (!message) break;
      const need = nextFrameBytes(message);
      if (at + need > size) break;
      writeFrame(chunk, at, message, need, now);
      at += need;
      this.#took(index as 0 | 1 | 2, message, need);
    }
    return at === size ? chunk : chunk.subarray(0, at);
  }

  /** The most urgent class that still has credit; credit is given out anew when all that wait have used theirs. */
  #nextClass(): number {
    let waiting = -1;
    for (let index = 0; index < 3; index++) {
      if (this.#queues[index as 0].length === 0) continue;
      if (this.#credit[index as 0] > 0) return index;
      if (waiting < 0) waiting = index;
    }
    if (waiting < 0) return 0;
    for (let index = 0; index < 3; index++) {
      const share = WEIGHTS[index as 0] * MAX_FRAME_BYTES;
      this.#credit[index as 0] = Math.min(share, this.#credit[index as 0] + share);
    }
    return waiting;
  }

  #took(index: 0 | 1 | 2, message: Message, bytes: number): void {
    this.#grow(-bytes);
    this.#credit[index] -= bytes;
    const queue = this.#queues[index];
    if (message.sent >= message.body.length) queue.shift();
    else if (queue.length > 1) queue.push(queue.shift() as Message);
  }
}

function classOf(message: Message): 0 | 1 | 2 {
  return CLASSES.indexOf(message.cost) as 0 | 1 | 2;
}

function nextFrameBytes(message: Message): number {
  const header = headerBytes(message.started ? ANSWER_PART : message.kind);
  return Math.min(MAX_FRAME_BYTES, header + message.body.length - message.sent);
}

function wireBytesLeft(message: Message): number {
  const left = message.body.length - message.sent;
  const part = MAX_FRAME_BYTES - headerBytes(CALL_PART);
  if (message.started) return left + Math.ceil(left / part) * headerBytes(CALL_PART);
  const first = headerBytes(message.kind);
  const rest = Math.max(0, left - (MAX_FRAME_BYTES - first));
  return left + first + Math.ceil(rest / part) * headerBytes(CALL_PART);
}

function writeFrame(chunk: Uint8Array, at: number, message: Message, bytes: number, now: number): void {
  const { kind, started, sent, body } = message;
  const frameKind = started ? (kind === CALL ? CALL_PART : ANSWER_PART) : kind;
  const header = headerBytes(frameKind);
  const payload = bytes - header;
  const timeoutMs = kind === CALL ? Math.max(0, Math.ceil(message.deadlineAt - now)) : 0;
  const method = started ? 0 : message.method;
  writeHeader(chunk, at, frameKind, method, message.id, payload, started ? 0 : body.length, timeoutMs);
  if (payload === body.length) chunk.set(body, at + header);
  else chunk.set(body.subarray(sent, sent + payload), at + header);
  message.started = true;
  message.sent = sent + payload;
}
