/** A call of a peer that is being received or whose handler runs. */

import { P2posError } from '@p2pos/protocol';
import type { PeerId } from '../net/index.ts';
import type { Bucket, Deadlines, Expiring } from './deadlines.ts';
import type { CallContext, Method } from './index.ts';

export interface ServedMethod {
  readonly name: string;
  readonly method: Method;
  readonly handler: (input: unknown, context: CallContext) => Promise<unknown>;
}

/** Also the handler's context: a signal, and a timer for it, exist only where the handler asks for one. */
export class Serving implements Expiring, CallContext {
  readonly peerId: PeerId;
  readonly id: number;
  readonly served: ServedMethod;
  readonly timeoutMs: number;
  readonly deadlineAt: number;
  readonly #deadlines: Deadlines;
  #controller: AbortController | undefined;
  #reason: P2posError | undefined;
  bucket: Bucket | undefined = undefined;
  body: Uint8Array | undefined = undefined;
  received = 0;
  running = false;
  /** Nobody waits for the answer any more. */
  over = false;
  onExpire: (() => void) | undefined = undefined;

  constructor(
    deadlines: Deadlines,
    call: {
      readonly peerId: PeerId;
      readonly id: number;
      readonly served: ServedMethod;
      readonly timeoutMs: number;
      readonly deadlineAt: number;
    },
  ) {
    this.#deadlines = deadlines;
    this.peerId = call.peerId;
    this.id = call.id;
    this.served = call.served;
    this.timeoutMs = call.timeoutMs;
    this.deadlineAt = call.deadlineAt;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
      else this.watch();
    }
    return this.#controller.signal;
  }

  /** Expires at the deadline. */
  watch(): void {
    if (!this.bucket && !this.over) this.#deadlines.add(this, this.deadlineAt);
  }

  expire(): void {
    this.end(new P2posError('TIMEOUT', { what: this.served.name, timeoutMs: this.timeoutMs }));
    this.onExpire?.();
  }

  end(reason: P2posError): void {
    if (this.over) return;
    this.over = true;
    this.#reason = reason;
    this.#deadlines.remove(this);
    this.#controller?.abort(reason);
  }

  /** The handler has settled. */
  finish(): void {
    this.over = true;
    this.#deadlines.remove(this);
  }
}
