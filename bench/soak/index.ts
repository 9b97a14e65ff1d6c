/**
 * Three real nodes at full load for minutes: memory and handles must not grow, the event loop's delay is told, and at the end
 * the bytes that each node accounts for are those of its database. `npm run bench -- soak --minutes 10`
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { isP2posError } from '@p2pos/protocol';
import { type Client, connect } from '@p2pos/sdk';
import { type DevSystem, startDev } from '../../e2e/harness.ts';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import type { BenchmarkOptions, BenchmarkReport } from '../report.ts';
import { median } from '../report.ts';
import { accountedBytes, databaseBytes, type Sample, sample } from './samples.ts';

const NODES = 3;
const WIDTH = 64;
const KEYS = 20_000;
const REGISTERS = 500;
const VALUE = randomBytes(1_024);
const SAMPLES = 60;

export async function run({ minutes = 1, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  await using dev = await startDev({ nodes: NODES, words: ['--no-restart'] });
  const pids = dev.nodes().map(({ pid }) => pid as number);
  const samples: Sample[][] = pids.map(() => []);
  const load = startLoad(dev);
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1_000;
  while (seconds() < minutes * 60) {
    await pause((minutes * 60_000) / SAMPLES);
    for (const [i, { http }] of dev.nodes().entries())
      samples[i]?.push(await sample(pids[i] as number, http, seconds()));
    if ((samples[0]?.length ?? 0) % (SAMPLES / 20) === 0) {
      const held = samples.map((list) => list.at(-1) as Sample);
      const told = held.map(
        (one) => `${one.residentMib.toFixed(0)}/${one.heapMib.toFixed(0)} MiB ${one.handles} handles`,
      );
      say(`${Math.round(seconds())} s: ${load.done()} operations; ${told.join(', ')}`);
    }
  }
  const took = seconds();
  const { done, failures } = await load.end();
  for (const [code, count] of failures) say(`${count} operations ended with ${code}`);

  say('comparing what is accounted with the disks');
  await dev.end();
  const files = dev.nodes().map(({ home }) => databaseBytes(home));
  await dev.start();
  const accounts: number[] = [];
  for (const { http } of dev.nodes()) {
    await eventually(async () => (await accountedBytes(http)) > 0, { timeoutMs: 30_000 });
    accounts.push(await accountedBytes(http));
  }

  const all = samples.flat();
  const perNode = (values: (list: readonly Sample[]) => number) => samples.map(values);
  const told = (measure: string, values: readonly number[]) => ({ measure, candidate: 'p2pos', values });
  return {
    versions: { minutes: String(minutes), nodes: String(NODES), 'in flight': String(WIDTH) },
    baseline: 'p2pos',
    series: [
      told('operations a second', [done / took]),
      told('operations that failed', [[...failures.values()].reduce((sum, count) => sum + count, 0)]),
      // The first third warms up: caches fill, code is compiled.
      told('resident memory, MiB: second third', perNode(middle(1, 'residentMib'))),
      told('resident memory, MiB: last third', perNode(middle(2, 'residentMib'))),
      told('JavaScript heap, MiB: second third', perNode(middle(1, 'heapMib'))),
      told('JavaScript heap, MiB: last third', perNode(middle(2, 'heapMib'))),
      told(
        'resident memory, MiB a minute after the first two',
        perNode((list) => growth(list, 'residentMib')),
      ),
      told(
        'JavaScript heap after collection, MiB a minute after the first two',
        perNode((list) => growth(floors(list), 'heapMib')),
      ),
      told('handles: second third', perNode(middle(1, 'handles'))),
      told('handles: last third', perNode(middle(2, 'handles'))),
      told('delay of the event loop, p99 of each interval, ms: median', [
        median(all.map(({ delayMs }) => delayMs)),
      ]),
      told('delay of the event loop, p99 of each interval, ms: worst', [
        Math.max(...all.map(({ delayMs }) => delayMs)),
      ]),
      told('database, MiB', files.map(inMib)),
      told(
        'accounted bytes off the database, %',
        accounts.map((bytes, i) => (100 * Math.abs(bytes - (files[i] as number))) / (files[i] as number)),
      ),
    ],
  };
}

const inMib = (bytes: number) => bytes / 1_048_576;

/** Median over a third of the samples. */
function middle(third: number, field: Exclude<keyof Sample, 'seconds'>) {
  return (list: readonly Sample[]) => {
    const size = Math.floor(list.length / 3);
    return median(list.slice(third * size, (third + 1) * size).map((one) => one[field]));
  };
}

/** The least of each five samples: what is left once the collector has been round. */
function floors(list: readonly Sample[]): Sample[] {
  const found: Sample[] = [];
  for (let at = 0; at + 5 <= list.length; at += 5)
    found.push(list.slice(at, at + 5).reduce((least, one) => (one.heapMib < least.heapMib ? one : least)));
  return found;
}

/** Slope of the straight line through the samples after warming up, by least squares. */
function growth(list: readonly Sample[], field: 'residentMib' | 'heapMib'): number {
  const last = list.at(-1)?.seconds ?? 0;
  const warm = list.filter(({ seconds }) => seconds >= Math.min(120, last / 3));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(warm.map(({ seconds }) => seconds / 60));
  const y = mean(warm.map((one) => one[field]));
  const product = mean(warm.map((one) => (one.seconds / 60 - x) * (one[field] - y)));
  const square = mean(warm.map(({ seconds }) => (seconds / 60 - x) ** 2));
  return product / square;
}

/** As many operations as there is room for, through all nodes in turns, over keys that stay so many. */
function startLoad(dev: DevSystem) {
  const clients: Client[] = [0, 1, 2].map((i) =>
    connect({ url: dev.node(i).http, token: dev.token(i), maxAttempts: 1 }),
  );
  const failures = new Map<string, number>();
  let done = 0;
  let over = false;

  async function operate(i: number): Promise<unknown> {
    const { kv } = clients[i % clients.length] as Client;
    // Spread over the keys without repeating soon.
    const key = `key ${(i * 7_919) % KEYS}`;
    const dice = i % 20;
    if (dice < 10) return kv.put(key, VALUE);
    if (dice < 17) return kv.get(key);
    if (dice < 18) return kv.put(key, VALUE, { ttlMs: 30_000 });
    if (dice < 19) return kv.delete(key);
    const register = `register ${i % REGISTERS}`;
    const version = (await kv.cas.get(register))?.version ?? null;
    return kv.cas.compareAndSet(register, VALUE, version);
  }

  async function worker(start: number): Promise<void> {
    for (let i = start; !over; i += WIDTH) {
      try {
        await operate(i);
        done++;
      } catch (error) {
        const code = isP2posError(error) ? error.code : String(error);
        // Two may have met at one register, and a key may be gone.
        if (code === 'CAS_CONDITION_FAILED' || code === 'KV_KEY_NOT_FOUND') done++;
        else failures.set(code, (failures.get(code) ?? 0) + 1);
      }
    }
  }

  const workers = Promise.all(Array.from({ length: WIDTH }, (_, i) => worker(i)));
  return {
    done: () => done,
    async end() {
      over = true;
      await workers;
      for (const client of clients) await client.close();
      return { done, failures };
    },
  };
}
