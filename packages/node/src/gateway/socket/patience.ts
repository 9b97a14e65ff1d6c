/**
 * How a socket is read whose app is over its quota: after a refusal not at all for a while, twice as long from refusal to refusal,
 * and then call by call. Each that passes halves the wait; were everything read again at the first, a whole buffer of calls would
 * come in at once, most to be refused. What the client sends meanwhile waits at its own end, so that refusing costs the node
 * little and other apps nothing.
 */
const MOST_MS = 1_000;
const LEAST_MS = 4;

export class Patience {
  #restMs = 0;

  /** Call by call. */
  get isStrained(): boolean {
    return this.#restMs > 0;
  }

  passed(): void {
    this.#restMs = this.#restMs < LEAST_MS ? 0 : this.#restMs / 2;
  }

  /** For how long nothing is to be read. */
  refused(retryAfterMs: number): number {
    this.#restMs = Math.min(MOST_MS, Math.max(1, retryAfterMs, 2 * this.#restMs));
    return this.#restMs;
  }
}
