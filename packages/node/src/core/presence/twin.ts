/**
 * Two live processes with one node key. Each of them meets what the other signed, since peers answer a push of the older
 * incarnation with the newer one, and takes an incarnation above it; so both go on meeting each other.
 */
import type { Clock } from '../clock/index.ts';

/** Two heartbeats of the other process must be dated and met at least this far apart: echoes of one death are not. */
const PROGRESS_MS = 10_000;

export interface OwnWatch {
  /** One of our own key that this process did not send was met, dated `at`; true: its sender lives. */
  met(at: number): boolean;
}

/** @param correctedNow This process's wall time by the members' median; our own clock may be wrong until they answered. */
export function createOwnWatch(clock: Pick<Clock, 'monotonic'>, correctedNow: () => number): OwnWatch {
  const startedAt = clock.monotonic();
  let first: { readonly at: number; readonly metAt: number } | undefined;
  return {
    met(at) {
      const now = clock.monotonic();
      const startedWall = correctedNow() - (now - startedAt);
      if (first && first.at <= startedWall + PROGRESS_MS) first = undefined;
      if (at <= startedWall + PROGRESS_MS) return false;
      first ??= { at, metAt: now };
      return at - first.at >= PROGRESS_MS && now - first.metAt >= PROGRESS_MS;
    },
  };
}
