/** What goes on under an id of a socket, and ends early when its client gives up, goes, or waits for too long. */
import type { P2posError, RequestContext } from '@p2pos/protocol';
import type { Caller } from '../access/caller.ts';

export interface Work {
  /** Monotonic; a subscription that is open has none. */
  endsAtMs: number;
  readonly timeoutMs: number;
  abort(error: P2posError): void;
}

/** A call with what its handler is told. A signal and a request id are made only for those that ask. */
export class RunningCall implements Work, RequestContext {
  readonly endsAtMs: number;
  readonly timeoutMs: number;
  readonly #caller: Caller;
  readonly #newRequestId: () => string;
  readonly #onEnd: (status: number) => void;
  #controller: AbortController | undefined;
  #reason: unknown;
  #requestId: string | undefined;
  /** Answered, failed or given up: what the handler still brings is wanted no more. */
  over = false;
  /** Tells the client; the answer is the status. */
  onFailure: (error: unknown) => number = () => 500;

  constructor(
    caller: Caller,
    newRequestId: () => string,
    endsAtMs: number,
    timeoutMs: number,
    onEnd: (status: number) => void,
  ) {
    this.#caller = caller;
    this.#newRequestId = newRequestId;
    this.endsAtMs = endsAtMs;
    this.timeoutMs = timeoutMs;
    this.#onEnd = onEnd;
  }

  get app(): string {
    return this.#caller.app;
  }

  get grants(): readonly string[] {
    return this.#caller.grants;
  }

  get tokenId(): string | undefined {
    return this.#caller.tenant?.token.id;
  }

  get requestId(): string {
    this.#requestId ??= this.#newRequestId();
    return this.#requestId;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(error: P2posError): void {
    if (this.over) return;
    this.#reason = error;
    this.#controller?.abort(error);
    this.fail(error);
  }

  fail(error: unknown): void {
    if (!this.over) this.finish(this.onFailure(error));
  }

  finish(status: number): void {
    if (this.over) return;
    this.over = true;
    this.#onEnd(status);
  }
}
