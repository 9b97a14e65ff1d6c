/** Between those that follow replicas and the one who reads: in the order of `push`; who pushes waits while it is full. */
export class Outlet<T> {
  readonly #maxEvents: number;
  #events: T[] = [];
  #error: { readonly error: unknown } | undefined;
  #readable = Promise.withResolvers<void>();
  #writable = Promise.withResolvers<void>();

  constructor({ maxEvents }: { readonly maxEvents: number }) {
    this.#maxEvents = maxEvents;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  /** At once, whatever is there already, so that order is the order of calls. */
  push(event: T): void {
    this.#events.push(event);
    this.#readable.resolve();
  }

  /** Resolves when there is room. */
  async drained(): Promise<void> {
    while (this.#events.length >= this.#maxEvents && !this.#error) await this.#writable.promise;
  }

  /** What is still there is read first. */
  end(error: unknown): void {
    this.#error ??= { error };
    this.#readable.resolve();
    this.#writable.resolve();
  }

  /** Everything that is there, at least one; throws what it was ended with. */
  async take(): Promise<readonly T[]> {
    while (this.#events.length === 0) {
      if (this.#error) throw this.#error.error;
      await this.#readable.promise;
      this.#readable = Promise.withResolvers();
    }
    const events = this.#events;
    this.#events = [];
    this.#writable.resolve();
    this.#writable = Promise.withResolvers();
    return events;
  }
}
