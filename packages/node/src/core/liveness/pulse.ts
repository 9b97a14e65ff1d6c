/** What one peer's answers tell: smoothed round trip, its 95th percentile, and how far its clock is from ours. */
import type { Clock } from '../clock/index.ts';
import type { Pulse } from './port.ts';

/** RFC 6298 §2. */
const SMOOTHING = 1 / 8;
const ROUND_TRIPS_KEPT = 64;
/** So many first ones are not smoothed: their median counts. */
const SETTLING = 8;
/** As NTP's clock filter (RFC 5905 §10): of the last eight the one with the shortest way is the best. */
const CLOCK_SAMPLES_KEPT = 8;

interface ClockSample {
  readonly roundTripMs: number;
  /** The peer's wall clock minus our monotonic one: a jump of our own wall clock does not spoil it. */
  readonly aheadMs: number;
}

/**
 * Our wall clock was moved, or the machine slept, when it left the monotonic one by more than this; a peer's was moved when it
 * left what its earlier answers said by more than this and the ways between.
 */
export const CLOCK_JUMP_MS = 1_000;

function isOfAnotherTime(a: ClockSample, b: ClockSample): boolean {
  return Math.abs(a.aheadMs - b.aheadMs) > (a.roundTripMs + b.roundTripMs) / 2 + CLOCK_JUMP_MS;
}

export interface PulseRecorder {
  /**
   * An answer came at `receivedAt` (monotonic) to what was sent at `sentAt`; the peer's wall clock said `peerWall`.
   * True when that may have changed the offset.
   */
  answered(sentAt: number, receivedAt: number, peerWall: number): boolean;
  /** One of our clocks was moved or slept: earlier offsets no longer hold once there is a new one. */
  forgetOffsets(): void;
  lastAnswerAt(): number;
  offsetMs(): number;
  read(): Pulse;
}

export function createPulseRecorder(clock: Pick<Clock, 'now' | 'monotonic'>): PulseRecorder {
  const roundTrips: number[] = [];
  let samples: ClockSample[] = [];
  let stale = false;
  /** The sample with the shortest way; of equal ones the newest. */
  let best: ClockSample | undefined;
  let p95Ms: number | undefined;
  let smoothed = 0;
  let lastAnswerAt = 0;
  let next = 0;

  function offsetMs(): number {
    return best ? best.aheadMs - (clock.now() - clock.monotonic()) : 0;
  }

  return {
    lastAnswerAt: () => lastAnswerAt,
    offsetMs,
    answered(sentAt, receivedAt, peerWall) {
      const roundTripMs = Math.max(0, receivedAt - sentAt);
      roundTrips[next] = roundTripMs;
      next = (next + 1) % ROUND_TRIPS_KEPT;
      // The first answers of a process that is starting are slow; averaged in, they would show for a minute.
      if (roundTrips.length <= SETTLING) smoothed = percentile(roundTrips, 0.5);
      else smoothed += SMOOTHING * (roundTripMs - smoothed);
      lastAnswerAt = receivedAt;
      const sample = { roundTripMs, aheadMs: peerWall - (sentAt + roundTripMs / 2) };
      if (stale || samples.some((other) => isOfAnotherTime(sample, other))) samples = [];
      stale = false;
      samples.push(sample);
      if (samples.length > CLOCK_SAMPLES_KEPT) samples.shift();
      const before = best;
      best = samples.reduce((least, sample) => (sample.roundTripMs <= least.roundTripMs ? sample : least));
      p95Ms = undefined;
      return best !== before;
    },
    forgetOffsets() {
      stale = true;
    },
    // Read for every request that goes to several peers.
    read() {
      p95Ms ??= percentile(roundTrips, 0.95);
      return { lastAnswerAt, roundTripMs: smoothed, p95Ms, offsetMs: offsetMs() };
    },
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/**
 * The middle values, the one nearer to zero first, so half of the clocks alone never move ours. Of an odd number both are one.
 */
export function middlesOf(values: readonly number[]): { readonly near: number; readonly far: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  return Math.abs(lower) < Math.abs(upper) ? { near: lower, far: upper } : { near: upper, far: lower };
}
