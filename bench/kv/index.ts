/**
 * Put and get of 1 KiB through three nodes, beside a three-node etcd: both acknowledge a put when a majority has it
 * fsynced. etcd's get is linearizable, and stands beside our quorum read, which returns only what a majority holds; so does
 * its serializable read, of one node's memory. Compare-and-set is linearizable in both. Then the same with one node of
 * each killed. `needs etcd`: without it only ours is measured. The whole takes about seven minutes; a part of it less:
 * `--only put,get`, of put, get, quorum, one, cas and degraded.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { startDev } from '../../e2e/harness.ts';
import { type BenchmarkOptions, type BenchmarkReport, chosen, type Series } from '../report.ts';
import { type Candidate, etcd, OPERATIONS, type Operation, ours } from './candidates.ts';
import { etcdVersion, startEtcd } from './etcd.ts';
import { inFlight, measure } from './load.ts';

const KEYS = 2_000;
const WIDTHS = [1, 64] as const;
const WARM_UP_SECONDS = 3;
/** For elections, and for connections to be given up. */
const SETTLE_MS = 3_000;

type Values = Series & { readonly values: number[] };

export async function run({ rounds, seconds, only, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const parts = chosen([...(Object.keys(OPERATIONS) as Operation[]), 'degraded'], only);
  const operations = parts.filter((part) => part !== 'degraded');
  await using stack = new AsyncDisposableStack();
  const dev = stack.use(await startDev({ nodes: 3 }));
  let whole = true;
  const lose = () => {
    if (whole) dev.kill(2);
    whole = false;
  };
  const candidates: Candidate[] = [stack.use(ours(dev, 'socket', lose)), stack.use(ours(dev, 'http', lose))];
  const version = etcdVersion();
  if (version) candidates.push(stack.use(etcd(stack.use(await startEtcd(3)))));
  else say('skipped: needs etcd');

  for (const candidate of candidates) {
    say(`filling ${candidate.name}`);
    await inFlight(64, KEYS, (i) => candidate.run('put', keyOf(i)));
    // Code that a just-in-time compiler has not seen yet says nothing of the next hour.
    for (const operation of ['put', 'get'] as const) await load(candidate, operation, 64, WARM_UP_SECONDS);
  }
  const series: Values[] = [];
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    for (const operation of operations)
      for (const width of WIDTHS)
        for (const candidate of candidates) await record(series, candidate, operation, width, seconds, '');
  }
  if (parts.includes('degraded')) {
    say('one node of each is killed');
    for (const candidate of candidates) candidate.loseOne();
    await pause(SETTLE_MS);
  }
  for (let round = 1; parts.includes('degraded') && round <= rounds; round++) {
    say(`degraded, round ${round} of ${rounds}`);
    for (const operation of ['put', 'get'] as const)
      for (const width of WIDTHS)
        for (const candidate of candidates)
          await record(series, candidate, operation, width, seconds, 'one of three dead, ');
  }
  return { versions: { etcd: version ?? 'absent' }, baseline: 'etcd', series };
}

const keyOf = (i: number) => `bench/${String(i).padStart(6, '0')}`;

function load(candidate: Candidate, operation: Operation, width: number, seconds: number) {
  if (operation !== 'cas') {
    return measure({ width, seconds, pids: candidate.pids() }, (i) =>
      candidate.run(operation, keyOf(i % KEYS)),
    );
  }
  // A key a worker: what is measured is the rounds, not the collisions.
  const free = Array.from({ length: width }, (_, i) => `cas/${candidate.name}/${width}/${i}`);
  return measure({ width, seconds, pids: candidate.pids() }, async () => {
    const key = free.pop() as string;
    await candidate.run('cas', key);
    free.push(key);
  });
}

async function record(
  series: Values[],
  candidate: Candidate,
  operation: Operation,
  width: number,
  seconds: number,
  prefix: string,
): Promise<void> {
  await candidate.delayMs();
  const { perSecond, p50, p99, serverMicros, clientMicros } = await load(
    candidate,
    operation,
    width,
    seconds,
  );
  const delayMs = await candidate.delayMs();
  const add = (what: string, value: number) => {
    const name = `${prefix}${OPERATIONS[operation]}, ${width} in flight: ${what}`;
    const found = series.find((one) => one.measure === name && one.candidate === candidate.name);
    if (found) found.values.push(value);
    else series.push({ measure: name, candidate: candidate.name, values: [value] });
  };
  add('per second', perSecond);
  add('p50 ms', p50);
  add('p99 ms', p99);
  add('CPU of the servers, µs each', serverMicros);
  add('CPU of the client, µs each', clientMicros);
  if (delayMs !== undefined) add('delay of the event loop, p99 ms', delayMs);
}
