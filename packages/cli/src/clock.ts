/** Time for the command line: the only file here that reads clocks and sets timers. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Runs `run` once after `delayMs`. Dispose to cancel. */
  after(delayMs: number, run: () => void): Disposable;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** True when `work` settled (either way) within `timeoutMs`. */
export async function settlesWithin(
  clock: Clock,
  timeoutMs: number,
  work: Promise<unknown>,
): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  using _timer = clock.after(timeoutMs, () => late.resolve(false));
  return await Promise.race([
    work.then(
      () => true,
      () => true,
    ),
    late.promise,
  ]);
}
