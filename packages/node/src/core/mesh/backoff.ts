/** When a target may be tried next: exponential backoff with jitter, ended only by a connection that held. */
import type { Clock } from '../clock/index.ts';
import { jitter, type Random } from '../random/index.ts';

export interface BackoffConfig {
  readonly initialMs: number;
  readonly maxMs: number;
  /** A connection that lasted this long counts as a success, a shorter one as a failure. */
  readonly stableMs: number;
}

export interface Backoff {
  /** Monotonic, ms. */
  dueAt(name: string): number;
  /** Not before this many ms from now; only for a target that was never tried. */
  hold(name: string, ms: number): void;
  attempted(name: string): void;
  failed(name: string): void;
  connected(name: string): void;
  /** @param yieldMs Added to the wait, for the one of two that should not call first. */
  disconnected(name: string, yieldMs: number): void;
  /** Signs of life: tried soon, yet never twice within `stableMs`. */
  hasten(name: string): void;
  /** A new way to it is known: tried at once, whatever came before. */
  renew(name: string): void;
  retain(keep: (name: string) => boolean): void;
}

interface Course {
  failures: number;
  nextAt: number;
  attemptedAt: number;
  connectedAt: number | undefined;
}

/** Spreads what falls due together, ms. */
const SPREAD_MS = 500;

export function createBackoff(
  { clock, random }: { readonly clock: Pick<Clock, 'monotonic'>; readonly random: Random },
  { initialMs, maxMs, stableMs }: BackoffConfig,
): Backoff {
  const courses = new Map<string, Course>();

  function courseOf(name: string): Course {
    const known = courses.get(name);
    if (known) return known;
    const course: Course = {
      failures: 0,
      nextAt: 0,
      attemptedAt: Number.NEGATIVE_INFINITY,
      connectedAt: undefined,
    };
    courses.set(name, course);
    return course;
  }
  function failed(course: Course): void {
    const delay = Math.min(maxMs, initialMs * 2 ** Math.min(course.failures, 30));
    course.failures++;
    course.nextAt = clock.monotonic() + jitter(random, delay, 0.25);
  }

  return {
    dueAt: (name) => courses.get(name)?.nextAt ?? 0,
    hold(name, ms) {
      if (courses.has(name)) return;
      courseOf(name).nextAt = clock.monotonic() + ms;
    },
    attempted(name) {
      courseOf(name).attemptedAt = clock.monotonic();
    },
    failed: (name) => failed(courseOf(name)),
    connected(name) {
      courseOf(name).connectedAt = clock.monotonic();
    },
    disconnected(name, yieldMs) {
      const course = courseOf(name);
      const lasted = clock.monotonic() - (course.connectedAt ?? clock.monotonic());
      course.connectedAt = undefined;
      if (lasted >= stableMs) course.failures = 0;
      failed(course);
      course.nextAt += yieldMs;
    },
    hasten(name) {
      const course = courses.get(name);
      if (!course || course.connectedAt !== undefined) return;
      const soon = Math.max(clock.monotonic() + random.float() * SPREAD_MS, course.attemptedAt + stableMs);
      course.nextAt = Math.min(course.nextAt, soon);
    },
    renew(name) {
      const course = courses.get(name);
      if (course && course.connectedAt === undefined) course.nextAt = clock.monotonic();
    },
    retain(keep) {
      for (const name of courses.keys()) if (!keep(name)) courses.delete(name);
    },
  };
}
