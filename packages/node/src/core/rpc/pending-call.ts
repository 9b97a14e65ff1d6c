/** A call that waits for its answer, from `call` to the settled promise; whichever session carries it. */
import type { P2posError } from '@p2pos/protocol';
import type { Bucket, Expiring } from './deadlines.ts';
import type { Method } from './index.ts';
import type { Message } from './outbox.ts';

/** Where a call is at the moment: it waits for a channel, or is on one. */
export interface Carrier {
  withdraw(call: PendingCall): void;
}

export interface PendingCallInit {
  readonly method: Method;
  readonly body: Uint8Array;
  readonly deadlineAt: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Told once, when it is settled either way. */
  readonly onSettled: (call: PendingCall) => void;
  readonly timeoutError: () => P2posError;
}

export class PendingCall implements Expiring {
  readonly method: Method;
  readonly body: Uint8Array;
  readonly deadlineAt: number;
  readonly #init: PendingCallInit;
  bucket: Bucket | undefined = undefined;
  carrier: Carrier | undefined = undefined;
  id = 0;
  message: Message | undefined = undefined;
  /** The answer so far, when it comes in parts. */
  answer: Uint8Array | undefined = undefined;
  answerIsError = false;
  received = 0;
  settled = false;
  unlisten: (() => void) | undefined = undefined;

  constructor(init: PendingCallInit) {
    this.#init = init;
    this.method = init.method;
    this.body = init.body;
    this.deadlineAt = init.deadlineAt;
  }

  resolve(value: unknown): void {
    if (this.settled) return;
    this.#settle();
    this.#init.resolve(value);
  }

  reject(error: unknown): void {
    if (this.settled) return;
    this.#settle();
    this.#init.reject(error);
  }

  /** The caller wants no answer any more. */
  abandon(error: unknown): void {
    if (this.settled) return;
    this.carrier?.withdraw(this);
    this.reject(error);
  }

  expire(): void {
    this.abandon(this.#init.timeoutError());
  }

  #settle(): void {
    this.settled = true;
    this.carrier = undefined;
    this.#init.onSettled(this);
  }
}
