/** What lies on all pages of an answer, one after another; the next page is fetched when the one before is read. */
export async function* pages<T>(
  fetch: (from: {
    readonly cursor?: string;
  }) => Promise<{ readonly items: readonly T[]; readonly cursor: string | null }>,
): AsyncGenerator<T> {
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await fetch(cursor === undefined ? {} : { cursor });
    yield* page.items;
    cursor = page.cursor;
  }
}
