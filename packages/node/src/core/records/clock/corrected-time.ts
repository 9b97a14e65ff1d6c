/**
 * What time it is by the agreement of the members: the machine's clock plus the median offset that pings measured. A
 * clock that jumps is not believed at once, because the pings after the jump tell how far it went.
 */
import type { Clock } from '../../clock/index.ts';

/** Greater steps than this between two readings count as a jump. */
const JUMP_MS = 2_000;
/** After so long without a correction by the pings the jump is taken as true. */
const HOLD_MS = 15_000;

export interface CorrectedTime {
  /** Whole milliseconds since the Unix epoch. */
  now(): number;
}

export function createCorrectedTime({
  clock,
  clockOffsetMs,
}: {
  readonly clock: Clock;
  readonly clockOffsetMs: () => number;
}): CorrectedTime {
  let lastTime = clock.now() + clockOffsetMs();
  let lastMonotonic = clock.monotonic();
  let doubtedSince: number | undefined;

  return {
    now() {
      const monotonic = clock.monotonic();
      const claimed = clock.now() + clockOffsetMs();
      const expected = lastTime + (monotonic - lastMonotonic);
      const jumped = Math.abs(claimed - expected) > JUMP_MS;
      if (jumped) doubtedSince ??= monotonic;
      else doubtedSince = undefined;
      const held = doubtedSince !== undefined && monotonic - doubtedSince < HOLD_MS;
      if (!held) doubtedSince = undefined;
      lastTime = held ? expected : claimed;
      lastMonotonic = monotonic;
      return Math.floor(lastTime);
    },
  };
}
