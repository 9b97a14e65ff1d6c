/** Three nodes of ours and of etcd, asked in the same ways, one client a node, in turns. */
import { randomBytes } from 'node:crypto';
import { connect } from '@p2pos/sdk';
import type { DevSystem } from '../../e2e/harness.ts';
import { createEtcdClient, type EtcdCluster } from './etcd.ts';

export const VALUE = randomBytes(1_024);

export const OPERATIONS = {
  put: 'put',
  get: 'get (etcd: linearizable)',
  quorum: 'quorum get (etcd: serializable)',
  one: 'get from one (etcd: serializable)',
  cas: 'compare-and-set (etcd: transaction)',
} as const;
export type Operation = keyof typeof OPERATIONS;

export interface Candidate extends AsyncDisposable {
  readonly name: string;
  /** Its server processes. */
  pids(): number[];
  /** Longest of their event loops' delays at the 99th percentile since it was asked last, ms; undefined where there is none. */
  delayMs(): Promise<number | undefined>;
  run(operation: Operation, key: string): Promise<unknown>;
  /** From now on only the first two are asked. */
  loseOne(): void;
}

export function ours(dev: DevSystem, transport: 'socket' | 'http', lose: () => void): Candidate {
  const clients = [0, 1, 2].map((index) =>
    connect({ url: dev.node(index).http, token: dev.token(index), transport, maxAttempts: 1 }),
  );
  const versions = new Map<string, string>();
  const next = inTurns(clients);
  return {
    name: `p2pos (SDK over ${transport === 'socket' ? 'WebSocket' : 'HTTP'})`,
    pids: () => dev.nodes().flatMap(({ pid }) => (pid === null || !isAlive(pid) ? [] : [pid])),
    async delayMs() {
      const delays = await Promise.all(
        dev
          .nodes()
          .slice(0, clients.length)
          .map(async ({ http }) => {
            const text = await (await fetch(`${http}/metrics`)).text();
            return 1_000 * Number(/^p2pos_event_loop_delay_p99_seconds (\S+)$/m.exec(text)?.[1]);
          }),
      );
      return Math.max(...delays);
    },
    async run(operation, key) {
      const { kv } = next();
      if (operation === 'put') return kv.put(key, VALUE);
      if (operation === 'one') return kv.get(key, { consistency: 'one' });
      if (operation !== 'cas') return kv.get(key);
      const { version } = await kv.cas.compareAndSet(key, VALUE, versions.get(key) ?? null);
      versions.set(key, version);
      return version;
    },
    loseOne() {
      void clients.pop()?.close();
      lose();
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
    },
  };
}

export function etcd(cluster: EtcdCluster): Candidate {
  const clients = cluster.urls.map(createEtcdClient);
  const revisions = new Map<string, number>();
  const next = inTurns(clients);
  return {
    name: 'etcd',
    pids: () => cluster.pids().filter(isAlive),
    delayMs: async () => undefined,
    async run(operation, key) {
      const client = next();
      const bytes = Buffer.from(key);
      if (operation === 'put') return client.put(bytes, VALUE);
      if (operation === 'get') return client.get(bytes);
      if (operation !== 'cas') return client.get(bytes, { serializable: true });
      const revision = await client.compareAndSet(bytes, VALUE, revisions.get(key) ?? 0);
      if (revision === undefined) throw new Error(`another changed ${key}`);
      revisions.set(key, revision);
      return revision;
    },
    loseOne() {
      clients.pop()?.close();
      cluster.kill(clients.length);
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
    },
  };
}

function inTurns<T>(items: readonly T[]): () => T {
  let turn = 0;
  return () => items[turn++ % items.length] as T;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
