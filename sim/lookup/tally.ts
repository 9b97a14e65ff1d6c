/** Counts of many searches. */

export interface Outcome {
  readonly found: boolean;
  readonly hops: number;
  readonly queries: number;
  readonly tookMs: number;
}

export interface Samples {
  add(value: number): void;
  mean(): number;
  sum(): number;
  percentile(share: number): number;
}

export interface Tally {
  started: number;
  readonly done: number;
  readonly hops: Samples;
  readonly queries: Samples;
  readonly tookMs: Samples;
  add(outcome: Outcome): void;
  addValue(found: boolean): void;
  /** Share of the searches for nodes that found them; 1 of none. */
  success(): number;
  valueSuccess(): number;
  digest(): readonly number[];
}

export function createTally(): Tally {
  const hops = createSamples();
  const queries = createSamples();
  const tookMs = createSamples();
  let done = 0;
  let found = 0;
  let values = 0;
  let valuesFound = 0;
  return {
    started: 0,
    get done() {
      return done + values;
    },
    hops,
    queries,
    tookMs,
    add(outcome) {
      done++;
      queries.add(outcome.queries);
      tookMs.add(outcome.tookMs);
      if (!outcome.found) return;
      found++;
      hops.add(outcome.hops);
    },
    addValue(success) {
      values++;
      if (success) valuesFound++;
    },
    success: () => (done === 0 ? 1 : found / done),
    valueSuccess: () => (values === 0 ? 1 : valuesFound / values),
    digest: () => [done, found, values, valuesFound, hops.sum(), queries.sum(), tookMs.sum()],
  };
}

function createSamples(): Samples {
  const values: number[] = [];
  let sorted = true;
  return {
    add(value) {
      values.push(value);
      sorted = false;
    },
    mean: () => values.reduce((sum, value) => sum + value, 0) / values.length,
    sum: () => values.reduce((sum, value) => sum + value, 0),
    percentile(share) {
      if (!sorted) values.sort((a, b) => a - b);
      sorted = true;
      return percentile(values, share);
    },
  };
}

/** Of ascending values; NaN of none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
