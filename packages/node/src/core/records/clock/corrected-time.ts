/**
 * What time it is by the agreement of the members: the machine's clock plus the median offset that pings measured, which is
 * believed at once, at the start and whenever it changes. Where only one member has told its time, the middle one of three is
 * taken: that member's, the machine's, and what it should be by the machine's monotonic clock; where none has, the last.
 */
import type { Clock } from '../../clock/index.ts';
import type { ClockOpinion } from '../../liveness/index.ts';

export interface CorrectedTime {
  /** Whole milliseconds since the Unix epoch. */
  now(): number;
  /**
   * The same, but of two clocks that differ the earlier; undefined while others are members and none has told its time since
   * the start. What a wrong clock would spoil for long goes by this one.
   */
  earliest(): number | undefined;
  /** The same, but the later of the two. */
  latest(): number | undefined;
}

export interface CorrectedTimeDeps {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly clocks: () => ClockOpinion;
  /** There is no other member, so nobody else's clock matters. */
  readonly isAlone: () => boolean;
}

export function createCorrectedTime({ clock, clocks, isAlone }: CorrectedTimeDeps): CorrectedTime {
  let time = clock.now();
  /** What the one other member that told its time says; `time` itself where none contradicts. Undefined: nobody has told. */
  let other: number | undefined;
  let lastMonotonic = clock.monotonic();

  function read(): void {
    const monotonic = clock.monotonic();
    const passed = monotonic - lastMonotonic;
    lastMonotonic = monotonic;
    const own = clock.now();
    const { answered, offsetMs } = clocks();
    const theirs = own + offsetMs;
    if (answered >= 2) {
      time = theirs;
      other = theirs;
    } else if (answered === 1) {
      time = middle(time + passed, own, theirs);
      other = theirs;
    } else if (isAlone()) {
      time = own;
      other = own;
    } else {
      time += passed;
      if (other !== undefined) other += passed;
    }
  }

  function told(choose: (a: number, b: number) => number): number | undefined {
    read();
    return other && Math.floor(choose(time, other));
  }

  return {
    now() {
      read();
      return Math.floor(time);
    },
    earliest: () => told(Math.min),
    latest: () => told(Math.max),
  };
}

function middle(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
