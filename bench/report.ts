/** What a benchmark reports, and how it is printed. */
export interface BenchmarkOptions {
  /** Every candidate runs once per round, in turns. */
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  /** Length of the whole, of those that take minutes. */
  readonly minutes?: number;
  /** Parts of it, of those that have parts. */
  readonly only?: readonly string[];
  /** Processes of ours, of those that take any number. */
  readonly nodes?: number;
  /** Progress for people. */
  readonly say: (line: string) => void;
}

export interface Series {
  /** What was measured, e.g. `calls/s, 64 in flight`. */
  readonly measure: string;
  readonly candidate: string;
  /** One value per round. */
  readonly values: readonly number[];
}

export interface BenchmarkReport {
  /** Versions of what was compared. */
  readonly versions: Readonly<Record<string, string>>;
  /** Ratios are to this candidate. */
  readonly baseline: string;
  readonly series: readonly Series[];
}

export interface Benchmark {
  run(options: BenchmarkOptions): Promise<BenchmarkReport>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

export function printReport(
  report: BenchmarkReport & {
    readonly name: string;
    readonly command: string;
    readonly machine: Readonly<Record<string, unknown>>;
  },
): void {
  const { cpu, cores, node, os } = report.machine;
  console.log(`${report.name}: ${report.command}`);
  console.log(`${cores} × ${cpu}, ${os}, Node ${node}`);
  console.log(
    Object.entries(report.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  );
  for (const measure of new Set(report.series.map((series) => series.measure))) {
    const rows = report.series.filter((series) => series.measure === measure);
    const base = rows.find((row) => row.candidate === report.baseline);
    console.log(
      `\n${measure} (median of ${rows[0]?.values.length ?? 0} rounds, least to most, ratio to ${report.baseline})`,
    );
    for (const { candidate, values } of rows) {
      const middle = median(values);
      const whole = base ? median(base.values) : 0;
      const ratio = whole === 0 ? '' : `${((100 * middle) / whole).toFixed(1)} %`;
      console.log(
        `  ${candidate.padEnd(28)}${format(middle).padStart(12)}   ${format(Math.min(...values))} to ${format(Math.max(...values))}   ${ratio}`,
      );
    }
  }
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1);
}

/** Those of `all` that were asked for. @throws RangeError for what is none of them */
export function chosen<T extends string>(
  all: readonly T[],
  only: readonly string[] | undefined,
): readonly T[] {
  const unknown = only?.find((one) => !all.includes(one as T));
  if (unknown !== undefined) throw new RangeError(`there is no part ${unknown}: ${all.join(', ')}`);
  return all.filter((one) => !only || only.includes(one));
}
