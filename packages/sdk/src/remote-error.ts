/** An error as a node answered it: its own words, code and request id. */
import { type ErrorCode, type ErrorDetails, isErrorCode, P2posError } from '@p2pos/protocol';

const RETRY_STATUSES: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

export interface ErrorAnswer {
  /** May be one that this version does not know; then `retry` follows from the status. */
  readonly code: string;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly status: number;
  /** Names the request in the node's log. */
  readonly requestId: string | undefined;
  /** How long the node asks to wait. */
  readonly retryAfterMs?: number | undefined;
}

export class RemoteError extends P2posError {
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly #status: number;
  readonly #retry: boolean;

  constructor({ code, message, details, status, requestId, retryAfterMs }: ErrorAnswer) {
    const known = isErrorCode(code);
    super(known ? code : 'INTERNAL', details);
    this.#status = status;
    this.#retry = known ? super.retry : RETRY_STATUSES.has(status);
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
    if (message) this.message = message;
    if (!known) Object.defineProperty(this, 'code', { value: code as ErrorCode, enumerable: true });
  }

  override get status(): number {
    return this.#status;
  }

  override get retry(): boolean {
    return this.#retry;
  }
}
