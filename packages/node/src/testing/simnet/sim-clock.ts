/** A node's own clock: as wrong as it is told to be. Timers and durations stay those of the simulation. */
import type { Clock } from '../../core/clock/index.ts';

export interface SimClock extends Clock {
  /** Ahead of true time, ms; negative: behind. */
  skewMs: number;
}

export function createSimClock(clock: Clock, skewMs: number): SimClock {
  return {
    skewMs,
    now() {
      return clock.now() + this.skewMs;
    },
    monotonic: () => clock.monotonic(),
    after: (delayMs, run) => clock.after(delayMs, run),
  };
}
