/** Time that stands still until told to go on, and chance that always says the most. */
import type { Timing } from '../timing.ts';

export interface ManualTiming extends Timing {
  /** Runs the next timer that is due, and what follows from it; the milliseconds that passed. */
  next(): Promise<number>;
  pending(): number;
}

export function createManualTiming(): ManualTiming {
  let elapsed = 0;
  const timers = new Set<{ readonly dueAt: number; readonly run: () => void }>();
  return {
    now: () => elapsed,
    random: () => 1,
    after(delayMs, run) {
      const timer = { dueAt: elapsed + delayMs, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async next() {
      const [first] = [...timers].sort((a, b) => a.dueAt - b.dueAt);
      if (!first) throw new Error('no timer waits');
      const passed = first.dueAt - elapsed;
      elapsed = first.dueAt;
      timers.delete(first);
      first.run();
      await new Promise((resolve) => setImmediate(resolve));
      return passed;
    },
    pending: () => timers.size,
  };
}
