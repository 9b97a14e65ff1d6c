/** A call on its way, with what its handler is told. A signal and a request id are made only for those that ask. */
import type { P2posError, RequestContext } from '@p2pos/protocol';
import { type Caller, NOBODY } from '../access/caller.ts';
import { type Observe, UNMATCHED } from './observation.ts';

/** What ends early when its client gives up, goes, or waits for too long. */
export interface Work {
  /** Monotonic; a subscription that is open has none. */
  endsAtMs: number;
  readonly timeoutMs: number;
  abort(error: P2posError): void;
}

export interface RunningCallDeps {
  readonly monotonic: () => number;
  readonly observe: Observe;
  readonly requestId: () => string;
}

export class RunningCall implements Work, RequestContext {
  endsAtMs: number;
  readonly timeoutMs: number;
  readonly #deps: RunningCallDeps;
  readonly #startedAt: number;
  #controller: AbortController | undefined;
  #requestId: string | undefined;
  /** An id of the contract or of the door itself, never what a client made up: metrics are labelled by it. */
  operation = UNMATCHED;
  caller: Caller = NOBODY;
  /** Why nobody waits for it any more. */
  reason: P2posError | undefined;
  /** Answered, failed or given up: what the handler still brings is wanted no more. */
  over = false;
  /** Told once, when it is given up before its end. */
  onAbort: (reason: P2posError) => void = () => {};

  constructor(deps: RunningCallDeps, timeoutMs: number) {
    this.#deps = deps;
    this.#startedAt = deps.monotonic();
    this.timeoutMs = timeoutMs;
    this.endsAtMs = this.#startedAt + timeoutMs;
  }

  get app(): string {
    return this.caller.app;
  }

  get grants(): readonly string[] {
    return this.caller.grants;
  }

  get tokenId(): string | undefined {
    return this.caller.tenant?.token.id;
  }

  async mayStore(): Promise<void> {
    await this.caller.tenant?.charge({ requests: 0, messages: 0, stores: true });
  }

  get requestId(): string {
    this.#requestId ??= this.#deps.requestId();
    return this.#requestId;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.reason) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  get ms(): number {
    return this.#deps.monotonic() - this.#startedAt;
  }

  abort(error: P2posError): void {
    if (this.over || this.reason) return;
    this.reason = error;
    this.#controller?.abort(error);
    this.onAbort(error);
  }

  finish(status: number): void {
    if (this.over) return;
    this.over = true;
    this.#deps.observe({ operation: this.operation, status, ms: this.ms });
  }
}
