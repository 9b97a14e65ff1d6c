/** Between those that follow replicas and the one who reads: in the order of `push`; who fetches waits while it is full. */
export class Outlet<T> {
  readonly #maxBytes: number;
  readonly #weigh: (event: T) => number;
  readonly #events: T[] = [];
  #bytes = 0;
  #fetching = 0;
  #error: { readonly error: unknown } | undefined;
  #readable = Promise.withResolvers<void>();
  #writable = Promise.withResolvers<void>();

  /** @param maxBytes Of all that waits, by `weigh`. */
  constructor({
    maxBytes,
    weigh,
  }: {
    readonly maxBytes: number;
    readonly weigh: (event: T) => number;
  }) {
    this.#maxBytes = maxBytes;
    this.#weigh = weigh;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  get #isFull(): boolean {
    return this.#bytes >= this.#maxBytes;
  }

  /** At once, whatever is there already, so that order is the order of calls. */
  push(event: T): void {
    this.#events.push(event);
    this.#bytes += this.#weigh(event);
    this.#readable.resolve();
  }

  /** Resolves when there is room. */
  async drained(): Promise<void> {
    while (this.#isFull && !this.#error) await this.#writable.promise;
  }

  /**
   * To be held while much is fetched, until it was pushed: by one at a time as long as something is left to read, so that a slow
   * reader is not brought a page of everybody.
   */
  async fetching(): Promise<Disposable> {
    while (!this.#mayFetch && !this.#error) await this.#writable.promise;
    this.#fetching++;
    return {
      [Symbol.dispose]: () => {
        this.#fetching--;
        this.#wake();
      },
    };
  }

  /** What is still there is read first. */
  end(error: unknown): void {
    this.#error ??= { error };
    this.#readable.resolve();
    this.#writable.resolve();
  }

  /** The next one; throws what it was ended with. */
  async take(): Promise<T> {
    while (this.isEmpty) {
      if (this.#error) throw this.#error.error;
      await this.#readable.promise;
      this.#readable = Promise.withResolvers();
    }
    const event = this.#events.shift() as T;
    this.#bytes -= this.#weigh(event);
    this.#wake();
    return event;
  }

  get #mayFetch(): boolean {
    return this.isEmpty || (this.#fetching === 0 && !this.#isFull);
  }

  #wake(): void {
    if (!this.#mayFetch) return;
    this.#writable.resolve();
    this.#writable = Promise.withResolvers();
  }
}
