/**
 * Put and get of 1 KiB through three nodes, beside a three-node etcd: both acknowledge a put when a majority has it
 * fsynced. etcd's get is linearizable; ours is a quorum read. `needs etcd`: without it only ours is measured.
 */
import { randomBytes } from 'node:crypto';
import { connect } from '@p2pos/sdk';
import { type DevSystem, startDev } from '../../e2e/harness.ts';
import type { BenchmarkOptions, BenchmarkReport, Series } from '../report.ts';
import { createEtcdClient, etcdVersion, startEtcd } from './etcd.ts';
import { inFlight, measure } from './load.ts';

const VALUE = randomBytes(1_024);
const KEYS = 2_000;

interface Candidate extends AsyncDisposable {
  readonly name: string;
  put(key: string): Promise<unknown>;
  get(key: string): Promise<unknown>;
}

export async function run({ rounds, seconds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  await using stack = new AsyncDisposableStack();
  const candidates: Candidate[] = [];
  const dev = stack.use(await startDev({ nodes: 3 }));
  candidates.push(stack.use(ours(dev, 'socket')), stack.use(ours(dev, 'http')));
  const version = etcdVersion();
  if (version) candidates.push(stack.use(await etcd()));
  else say('skipped: needs etcd');

  for (const candidate of candidates) {
    say(`filling ${candidate.name}`);
    await inFlight(64, KEYS, (i) => candidate.put(keyOf(i)));
  }
  const series: (Series & { values: number[] })[] = [];
  const record = (measure: string, candidate: string, value: number) => {
    const found = series.find((one) => one.measure === measure && one.candidate === candidate);
    if (found) found.values.push(value);
    else series.push({ measure, candidate, values: [value] });
  };
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    for (const operation of ['put', 'get'] as const) {
      for (const width of [1, 64]) {
        for (const candidate of candidates) {
          const { perSecond, p50, p99 } = await measure(width, seconds, (i) =>
            candidate[operation](keyOf(i % KEYS)),
          );
          record(`${operation}/s of 1 KiB, ${width} in flight`, candidate.name, perSecond);
          record(`${operation} p50 ms, ${width} in flight`, candidate.name, p50);
          record(`${operation} p99 ms, ${width} in flight`, candidate.name, p99);
        }
      }
    }
  }
  return { versions: { etcd: version ?? 'absent' }, baseline: 'etcd', series };
}

const keyOf = (i: number) => `bench/${String(i).padStart(6, '0')}`;

/** The SDK, one client a node, in turns. */
function ours(dev: DevSystem, transport: 'socket' | 'http'): Candidate {
  const clients = [0, 1, 2].map((index) =>
    connect({ url: dev.node(index).http, token: dev.token(index), transport, maxAttempts: 1 }),
  );
  let turn = 0;
  const next = () => clients[turn++ % clients.length];
  return {
    name: `p2pos (SDK over ${transport === 'socket' ? 'WebSocket' : 'HTTP'})`,
    put: async (key) => next()?.kv.put(key, VALUE),
    get: async (key) => next()?.kv.get(key),
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
    },
  };
}

async function etcd(): Promise<Candidate> {
  const cluster = await startEtcd(3);
  const clients = cluster.urls.map(createEtcdClient);
  let turn = 0;
  const next = () => clients[turn++ % clients.length];
  return {
    name: 'etcd',
    put: async (key) => next()?.put(Buffer.from(key), VALUE),
    get: async (key) => next()?.get(Buffer.from(key)),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await cluster[Symbol.asyncDispose]();
    },
  };
}
