import { type Clock, sleep } from '@p2pos/protocol';

/** Between two answers of a busy node nobody waits longer for such work than this. */
const BREATH_MS = 5;

/**
 * For work that takes long without waiting for anything: to be awaited between its steps. Lets timers and the network have their
 * turn when 5 ms have passed since they last had one; on virtual time, which does not pass meanwhile, it never does.
 */
export function createBreath(clock: Pick<Clock, 'monotonic' | 'after'>): () => Promise<void> {
  let since = clock.monotonic();
  return async () => {
    if (clock.monotonic() - since < BREATH_MS) return;
    await sleep(clock, 0);
    since = clock.monotonic();
  };
}
