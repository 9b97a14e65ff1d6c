/** A call of a peer that is being received or whose handler runs. */
import { P2posError } from '../../errors/errors.ts';
import type { CallContext, Method } from '../capability.ts';
import type { PeerId } from '../ports.ts';
import type { Assembly } from '../wire/assembly.ts';
import type { Bucket, Deadlines, Expiring } from './deadlines.ts';

export interface ServedMethod {
  /** Protocol and method, for logs and errors. */
  readonly name: string;
  readonly method: Method;
  readonly handler: (input: unknown, context: CallContext) => Promise<unknown>;
}

export interface ServingInit {
  readonly deadlines: Deadlines;
  readonly peerId: PeerId;
  readonly id: number;
  readonly served: ServedMethod;
  readonly timeoutMs: number;
  readonly deadlineAt: number;
  /** The deadline passed before the body was there. */
  readonly onExpired: (serving: Serving) => void;
}

/** Also the handler's context: a signal, and a timer for it, exist only where the handler asks for one. */
export class Serving implements Expiring, CallContext {
  readonly #init: ServingInit;
  #controller: AbortController | undefined = undefined;
  #reason: P2posError | undefined = undefined;
  bucket: Bucket | undefined = undefined;
  body: Assembly | undefined = undefined;
  running = false;
  /** Nobody waits for the answer any more. */
  over = false;

  constructor(init: ServingInit) {
    this.#init = init;
  }

  get id(): number {
    return this.#init.id;
  }

  get served(): ServedMethod {
    return this.#init.served;
  }

  get peerId(): PeerId {
    return this.#init.peerId;
  }

  get timeoutMs(): number {
    return this.#init.timeoutMs;
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
    if (!this.bucket && !this.over) this.#init.deadlines.add(this, this.#init.deadlineAt);
  }

  expire(): void {
    this.end(new P2posError('TIMEOUT', { what: this.served.name, timeoutMs: this.#init.timeoutMs }));
    if (!this.running) this.#init.onExpired(this);
  }

  /** The answer is wanted no more. */
  end(reason: P2posError): void {
    if (this.over) return;
    this.over = true;
    this.#reason = reason;
    this.#init.deadlines.remove(this);
    this.#controller?.abort(reason);
  }

  /** The handler has settled, or will never run. */
  finish(): void {
    this.over = true;
    this.#init.deadlines.remove(this);
  }
}
