/** What many writers and readers of one table saw, and what is in it at the end: whether both can be true at once. */

export interface HistoryWrite {
  readonly id: string;
  /** ms, of one clock. */
  readonly startedAt: number;
  /** Undefined: it was not answered, so it may have been done or not. */
  readonly acknowledgedAt?: number;
}

/** A linearizable count of all rows. */
export interface HistoryRead {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly count: number;
}

export interface History {
  readonly writes: readonly HistoryWrite[];
  readonly reads: readonly HistoryRead[];
  /** How often the row of each write is in the table at the end. */
  readonly rows: ReadonlyMap<string, number>;
}

export interface Faults {
  /** Acknowledged and not there. */
  readonly lost: readonly string[];
  /** There more than once. */
  readonly twice: readonly string[];
  /** There, and nobody asked for it. */
  readonly invented: readonly string[];
  /** Saw less than what was acknowledged before it began. */
  readonly stale: readonly HistoryRead[];
  /** Saw more than what had begun before it ended. */
  readonly early: readonly HistoryRead[];
}

export function faultsOf({ writes, reads, rows }: History): Faults {
  const asked = new Set(writes.map(({ id }) => id));
  const begun = writes.map(({ startedAt }) => startedAt).sort((a, b) => a - b);
  const acknowledged = writes
    .flatMap(({ acknowledgedAt }) => (acknowledgedAt === undefined ? [] : [acknowledgedAt]))
    .sort((a, b) => a - b);
  return {
    lost: writes
      .filter(({ id, acknowledgedAt }) => acknowledgedAt !== undefined && !rows.has(id))
      .map(({ id }) => id),
    twice: [...rows].filter(([, times]) => times > 1).map(([id]) => id),
    invented: [...rows.keys()].filter((id) => !asked.has(id)),
    stale: reads.filter(({ startedAt, count }) => count < countBefore(acknowledged, startedAt)),
    early: reads.filter(({ endedAt, count }) => count > countBefore(begun, endedAt)),
  };
}

function countBefore(sorted: readonly number[], at: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How long nothing was acknowledged around each of these moments: the longest such time that reaches into the window after it. */
export function silencesAfter(
  moments: readonly number[],
  writes: readonly HistoryWrite[],
  windowMs: number,
): number[] {
  const at = writes
    .flatMap(({ acknowledgedAt }) => (acknowledgedAt === undefined ? [] : [acknowledgedAt]))
    .sort((a, b) => a - b);
  return moments.map((moment) => {
    let longest = 0;
    let last = moment;
    for (const time of at) {
      if (time <= moment) continue;
      if (last > moment + windowMs) break;
      longest = Math.max(longest, time - last);
      last = time;
    }
    return last === moment ? Number.POSITIVE_INFINITY : longest;
  });
}
