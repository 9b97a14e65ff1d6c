/**
 * What comes several at once, one by one. Written by hand: a generator that yields costs some promises for each item, and
 * items come by the hundred thousand a second.
 */
export function oneByOne<T>(batches: AsyncIterable<readonly T[]>): AsyncIterableIterator<T> {
  const source = batches[Symbol.asyncIterator]();
  let batch: readonly T[] = [];
  let at = 0;
  /** Calls that wait for the source take their turns. */
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();

  async function pull(): Promise<IteratorResult<T>> {
    while (at >= batch.length) {
      const { done, value } = await source.next();
      if (done) return { done, value: undefined };
      batch = value;
      at = 0;
    }
    return { done: false, value: batch[at++] as T };
  }

  return {
    next() {
      if (waiting === 0 && at < batch.length)
        return Promise.resolve({ done: false, value: batch[at++] as T });
      waiting++;
      const turn = last.then(pull).finally(() => waiting--);
      last = turn.catch(() => {});
      return turn;
    },
    async return() {
      batch = [];
      at = 0;
      await source.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
