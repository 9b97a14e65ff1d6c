/** Whether what was written then may have been deleted and forgotten since. */

/** By two clocks of which nobody knows which is right, neither may be so. */
export interface Ages {
  /** Old enough to have been forgotten after it was deleted. */
  isOld(ms: number): boolean;
  /** Its deletion is remembered. */
  isYoung(ms: number): boolean;
}

export interface Clocks {
  /** Corrected time, ms, of two clocks that differ the earlier; undefined as long as nobody else has told the time. */
  readonly toldTime: () => number | undefined;
  /** The same, but the later. */
  readonly latestTime: () => number | undefined;
}

/** Undefined: nobody can tell. */
export function agesBy({ toldTime, latestTime }: Clocks, keepMs: number): Ages | undefined {
  const earliest = toldTime();
  const latest = latestTime();
  if (earliest === undefined || latest === undefined) return undefined;
  return { isOld: (ms) => ms < earliest - keepMs, isYoung: (ms) => ms >= latest - keepMs };
}
