/**
 * Compare-and-set of 1 KiB through three nodes, each call with the version that the one before gave, beside transactions of a
 * three-node etcd that compare the revision. Both are linearizable and on a majority's disks. `needs etcd`.
 */
import { randomBytes } from 'node:crypto';
import { connect } from '@p2pos/sdk';
import { type DevSystem, startDev } from '../../e2e/harness.ts';
import { createEtcdClient, etcdVersion, startEtcd } from '../kv/etcd.ts';
import { measure } from '../kv/load.ts';
import type { BenchmarkOptions, BenchmarkReport, Series } from '../report.ts';

const VALUE = randomBytes(1_024);

interface Candidate extends AsyncDisposable {
  readonly name: string;
  /** Changes the key from what it was when this was called last. */
  change(key: string): Promise<void>;
  get(key: string): Promise<unknown>;
}

export async function run({ rounds, seconds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  await using stack = new AsyncDisposableStack();
  const candidates: Candidate[] = [stack.use(ours(stack.use(await startDev({ nodes: 3 }))))];
  const version = etcdVersion();
  if (version) candidates.push(stack.use(await etcd()));
  else say('skipped: needs etcd');
  const series: (Series & { values: number[] })[] = [];
  const record = (measure: string, candidate: string, value: number) => {
    const found = series.find((one) => one.measure === measure && one.candidate === candidate);
    if (found) found.values.push(value);
    else series.push({ measure, candidate, values: [value] });
  };
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    for (const operation of ['change', 'get'] as const) {
      for (const width of [1, 64]) {
        for (const candidate of candidates) {
          // A key a worker: what is measured is the rounds, not the collisions.
          const free = Array.from({ length: width }, (_, i) => `cas/${width}/${i}`);
          const { perSecond, p50, p99 } = await measure({ width, seconds }, async () => {
            const key = free.pop() as string;
            await candidate[operation](key);
            free.push(key);
          });
          record(`${operation}/s of 1 KiB, ${width} in flight`, candidate.name, perSecond);
          record(`${operation} p50 ms, ${width} in flight`, candidate.name, p50);
          record(`${operation} p99 ms, ${width} in flight`, candidate.name, p99);
        }
      }
    }
  }
  return { versions: { etcd: version ?? 'absent' }, baseline: 'etcd', series };
}

function ours(dev: DevSystem): Candidate {
  const clients = [0, 1, 2].map((index) =>
    connect({ url: dev.node(index).http, token: dev.token(index), maxAttempts: 1 }),
  );
  const versions = new Map<string, string>();
  let turn = 0;
  const next = () => clients[turn++ % clients.length] as (typeof clients)[0];
  return {
    name: 'p2pos',
    async change(key) {
      const { version } = await next().kv.cas.compareAndSet(key, VALUE, versions.get(key) ?? null);
      versions.set(key, version);
    },
    get: (key) => next().kv.cas.get(key),
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
    },
  };
}

async function etcd(): Promise<Candidate> {
  const cluster = await startEtcd(3);
  const clients = cluster.urls.map(createEtcdClient);
  const revisions = new Map<string, number>();
  let turn = 0;
  const next = () => clients[turn++ % clients.length] as (typeof clients)[0];
  return {
    name: 'etcd',
    async change(key) {
      const revision = await next().compareAndSet(Buffer.from(key), VALUE, revisions.get(key) ?? 0);
      if (revision === undefined) throw new Error(`another changed ${key}`);
      revisions.set(key, revision);
    },
    get: (key) => next().get(Buffer.from(key)),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await cluster[Symbol.asyncDispose]();
    },
  };
}
