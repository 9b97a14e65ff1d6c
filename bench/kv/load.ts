/** Load with so many calls in flight, and what came of it. */
export async function inFlight(
  width: number,
  count: number,
  run: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: width }, work));
}

export async function measure(width: number, seconds: number, run: (i: number) => Promise<unknown>) {
  const latencies: number[] = [];
  const started = performance.now();
  const end = started + seconds * 1_000;
  let next = 0;
  const work = async () => {
    while (performance.now() < end) {
      const at = performance.now();
      await run(next++);
      latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  const elapsed = (performance.now() - started) / 1_000;
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { perSecond: latencies.length / elapsed, p50: quantile(0.5), p99: quantile(0.99) };
}
