/**
 * Time as a dependency: production passes the machine's clock, the simulator a virtual one.
 * Nothing outside this folder calls `Date.now`, `setTimeout`, `setInterval` or `performance.now`.
 */
import type { Clock } from '@p2pos/protocol';

export { type Clock, deadline, sleep, type WaitOptions } from '@p2pos/protocol';
export { createBreath } from './breath.ts';

/** A longer one would fire at once, so it is waited for in steps: 24.8 days. */
const LONGEST_TIMER_MS = 0x7fffffff;

export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(delayMs, run) {
      let timer: NodeJS.Timeout;
      const arm = (restMs: number) => {
        const stepMs = Math.min(restMs, LONGEST_TIMER_MS);
        timer = setTimeout(() => (restMs > stepMs ? arm(restMs - stepMs) : run()), stepMs);
        timer.unref();
      };
      arm(delayMs);
      return { [Symbol.dispose]: () => clearTimeout(timer) };
    },
  };
}
