/**
 * Hybrid logical clock (Kulkarni et al. 2014): what it gives is greater than everything it gave or saw before and stays
 * close to real time. It gives nothing that is not below a bound already on disk, so a restart never repeats a version
 * and never goes back.
 */
import { MAX_VERSION_COUNTER } from '@p2pos/protocol';
import type { Ceiling } from './ceiling.ts';

export interface Stamp {
  readonly ms: number;
  readonly counter: number;
}

export interface HybridClock {
  /**
   * `count` stamps, ascending. Waits for the disk about once per `reserveMs`, and for the ceiling where they would pass it.
   * Rejects with the store's error, or the ceiling's: nothing was given or reserved then.
   */
  take(count: number): Promise<Stamp[]>;
  /** What is given from now on is greater. */
  observe(seen: Stamp): void;
}

export interface HybridClockDeps {
  /** Corrected time, ms. */
  readonly now: () => number;
  /** Makes the bound durable: nothing at or above it has been given so far. */
  readonly reserve: (boundMs: number) => Promise<void>;
  readonly ceiling: Ceiling;
}

export interface HybridClockConfig {
  /** The bound on disk; 0 when there is none. */
  readonly reservedMs: number;
  /** How far ahead of time to reserve. A restart skips at most this much. Default 3 s. */
  readonly reserveMs?: number;
}

export function createHybridClock(
  { now, reserve, ceiling }: HybridClockDeps,
  { reservedMs, reserveMs = 3_000 }: HybridClockConfig,
): HybridClock {
  let bound = reservedMs;
  // All that a former run gave lies below the bound.
  let last: Stamp = { ms: reservedMs - 1, counter: MAX_VERSION_COUNTER };
  let reserving: Promise<void> | undefined;

  function following({ ms, counter }: Stamp): Stamp {
    return counter < MAX_VERSION_COUNTER ? { ms, counter: counter + 1 } : { ms: ms + 1, counter: 0 };
  }

  /** Not from what the clock says: one that is wrong for a moment would hold this node back for hours. */
  function extend(ms: number): Promise<void> {
    reserving ??= (async () => {
      const next = ms + reserveMs;
      try {
        await reserve(next);
        bound = next;
      } finally {
        reserving = undefined;
      }
    })();
    return reserving;
  }

  return {
    async take(count) {
      for (;;) {
        const time = now();
        const stamps: Stamp[] = [];
        let stamp = last;
        while (stamps.length < count) {
          stamp = stamp.ms < time ? { ms: time, counter: 0 } : following(stamp);
          stamps.push(stamp);
        }
        if (!ceiling.allows(stamp.ms)) {
          await ceiling.pause();
          continue;
        }
        if (stamp.ms < bound) {
          last = stamp;
          // Ahead of need, so that no write has to wait; a failure shows in the take that needs it.
          if (bound - stamp.ms < reserveMs / 2) extend(stamp.ms).catch(() => {});
          return stamps;
        }
        await extend(stamp.ms);
      }
    },
    observe(seen) {
      if (seen.ms > last.ms || (seen.ms === last.ms && seen.counter > last.counter)) {
        last = { ms: seen.ms, counter: seen.counter };
      }
    },
  };
}
