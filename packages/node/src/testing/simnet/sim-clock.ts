/** A node's own clock: as wrong as it is told to be. Durations stay those of the simulation; while the node is frozen its timers wait. */
import type { Clock } from '../../core/clock/index.ts';

export interface SimClock extends Clock {
  /** Ahead of true time, ms; negative: behind. */
  skewMs: number;
  readonly frozen: boolean;
  freeze(): void;
  /** What fell due meanwhile runs now, in its order. */
  thaw(): void;
}

export function createSimClock(clock: Clock, skewMs: number): SimClock {
  let frozen = false;
  /** Fell due while it was frozen, in order. */
  let overdue = new Set<{ readonly run: () => void }>();

  return {
    skewMs,
    now() {
      return clock.now() + this.skewMs;
    },
    monotonic: () => clock.monotonic(),
    after(delayMs, run) {
      const timer = { run };
      const inner = clock.after(delayMs, () => {
        if (frozen) overdue.add(timer);
        else run();
      });
      return {
        [Symbol.dispose]() {
          inner[Symbol.dispose]();
          if (overdue.size > 0) overdue.delete(timer);
        },
      };
    },
    get frozen() {
      return frozen;
    },
    freeze() {
      frozen = true;
    },
    thaw() {
      frozen = false;
      const due = overdue;
      overdue = new Set();
      // Each may still be cancelled by one before it.
      for (const timer of due) this.after(0, timer.run);
    },
  };
}
