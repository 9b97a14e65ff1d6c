/**
 * How a socket is read whose app is over its quota: after a refusal not at all for a while, twice as long from refusal to refusal,
 * then call by call until one passes. What the client sends meanwhile waits at its own end, so that refusing costs the node little
 * and other apps nothing.
 */
const MOST_MS = 1_000;

export class Patience {
  #restMs = 0;

  /** Call by call. */
  get isStrained(): boolean {
    return this.#restMs > 0;
  }

  passed(): void {
    this.#restMs = 0;
  }

  /** For how long nothing is to be read. */
  refused(retryAfterMs: number): number {
    this.#restMs = Math.min(MOST_MS, Math.max(1, retryAfterMs, 2 * this.#restMs));
    return this.#restMs;
  }
}
