/** Waits in real time for a condition, polling often; for tests on real sockets and processes only. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 10_000, everyMs = 20 }: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      const result = await check();
      if (result !== false) return result;
      if (performance.now() > end) throw new Error('the condition did not become true');
    } catch (error) {
      if (performance.now() > end) {
        throw new Error(
          `not within ${timeoutMs} ms: ${error instanceof Error ? error.message : String(error)}`,
          { cause: error },
        );
      }
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
