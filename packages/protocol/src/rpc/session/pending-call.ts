/** A call that waits for its answer, from `call` to the settled promise; whichever session carries it. */

import type { Method } from '../capability.ts';
import type { Assembly } from '../wire/assembly.ts';
import type { Bucket, Expiring } from './deadlines.ts';
import type { Message } from './outbox.ts';

/** Where a call is at the moment: it waits for a channel, or is on one. */
export interface Carrier {
  withdraw(call: PendingCall): void;
}

export abstract class PendingCall implements Expiring {
  readonly method: Method;
  readonly body: Uint8Array;
  readonly deadlineAt: number;
  bucket: Bucket | undefined = undefined;
  carrier: Carrier | undefined = undefined;
  id = 0;
  message: Message | undefined = undefined;
  /** The answer so far, when it comes in parts. */
  answer: Assembly | undefined = undefined;
  answerIsError = false;
  #settled = false;

  constructor(method: Method, body: Uint8Array, deadlineAt: number) {
    this.method = method;
    this.body = body;
    this.deadlineAt = deadlineAt;
  }

  protected abstract onResolved(value: unknown): void;
  protected abstract onRejected(error: unknown): void;
  abstract expire(): void;

  resolve(value: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.onResolved(value);
  }

  reject(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.onRejected(error);
  }

  /** The caller wants no answer any more. */
  abandon(error: unknown): void {
    if (this.#settled) return;
    this.carrier?.withdraw(this);
    this.reject(error);
  }
}
