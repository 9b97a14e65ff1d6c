/**
 * How it grows: 5 real processes with as much load as they take, then 5, 25 and 100 nodes in one process on virtual time. What
 * an operation takes of a processor in the whole system says what a node more brings: N nodes with a core each have N cores
 * for it, less what each takes with nothing to do. There is no peer; the smallest system is the measure of the others.
 */
import { startDev } from '../../e2e/harness.ts';
import { ours } from '../kv/candidates.ts';
import { inFlight, measure } from '../kv/load.ts';
import type { BenchmarkOptions, BenchmarkReport, Series } from '../report.ts';
import { type Scale, simulate } from './simulated.ts';

const SIZES = [5, 25, 100] as const;
const KEYS = 2_000;
/** Operations in flight at the real nodes. */
const WIDTH = 64;
const WARM_UP_SECONDS = 2;
/** One round in an instant, for a look: fewer operations and deaths. */
const QUICK = { operations: 40, width: 4, deathsMs: 90_000 } as const;
const WHOLE = { operations: 400, width: 4, deathsMs: 900_000 } as const;

type Values = Series & { readonly values: number[] };

export async function run({ rounds, seconds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const series: Values[] = [];
  const add = (measure: string, candidate: string, value: number) => {
    const found = series.find((one) => one.measure === measure && one.candidate === candidate);
    if (found) found.values.push(value);
    else series.push({ measure, candidate, values: [value] });
  };
  await real(rounds, seconds, say, add);
  // A round takes minutes, and virtual time gives the same in each: the second shows only how steady the machine is.
  for (let round = 1; round <= Math.min(rounds, 2); round++) {
    for (const size of SIZES) {
      say(`${size} nodes on virtual time, round ${round}`);
      report(`${size} nodes, virtual time`, size, await simulate(size, rounds === 1 ? QUICK : WHOLE), add);
    }
  }
  return { versions: {}, baseline: `${SIZES[0]} nodes, virtual time`, series };
}

async function real(
  rounds: number,
  seconds: number,
  say: BenchmarkOptions['say'],
  add: (measure: string, candidate: string, value: number) => void,
): Promise<void> {
  say('5 processes');
  await using dev = await startDev({ nodes: 5 });
  await using client = ours(dev, 'socket', () => {});
  const keyOf = (i: number) => `bench/${String(i % KEYS).padStart(6, '0')}`;
  await inFlight(WIDTH, KEYS, (i) => client.run('put', keyOf(i)));
  for (const operation of ['put', 'get'] as const) {
    const load = (forSeconds: number) =>
      measure({ width: WIDTH, seconds: forSeconds, pids: client.pids() }, (i) =>
        client.run(operation, keyOf(i)),
      );
    await load(WARM_UP_SECONDS);
    for (let round = 1; round <= rounds; round++) {
      const { perSecond, p50, p99, serverMicros } = await load(seconds);
      add(`${operation}, ${WIDTH} in flight: per second`, '5 processes', perSecond);
      add(`${operation}, ${WIDTH} in flight: p50 ms`, '5 processes', p50);
      add(`${operation}, ${WIDTH} in flight: p99 ms`, '5 processes', p99);
      add(`${operation}: CPU of all nodes, µs each`, '5 processes', serverMicros);
    }
  }
}

function report(
  candidate: string,
  size: number,
  { bootSeconds, idleShare, availability, ...costs }: Scale,
  add: (measure: string, candidate: string, value: number) => void,
): void {
  for (const operation of ['put', 'get'] as const) {
    const { microsEach, p50Ms, p99Ms } = costs[operation];
    add(`${operation}: CPU of all nodes, µs each`, candidate, microsEach);
    add(
      `${operation}: per second for each node that has a core`,
      candidate,
      ((1 - idleShare) * 1e6) / microsEach,
    );
    add(
      `${operation}: per second in all, a core a node`,
      candidate,
      (size * (1 - idleShare) * 1e6) / microsEach,
    );
    add(`${operation}: p50 of virtual time, ms`, candidate, p50Ms);
    add(`${operation}: p99 of virtual time, ms`, candidate, p99Ms);
  }
  const { asked, atOnce, afterAll, deaths, slowestMs } = availability;
  add('one node dead at a time: deaths', candidate, deaths);
  add('one node dead at a time: operations', candidate, asked);
  add('one node dead at a time: not answered at once', candidate, asked - atOnce);
  add('one node dead at a time: not answered by another node either', candidate, asked - afterAll);
  add('one node dead at a time: the slowest answer, ms', candidate, slowestMs);
  add('a node with nothing to do: % of a core', candidate, 100 * idleShare);
  add('start of all, s', candidate, bootSeconds);
}
