/**
 * What the HTTP door costs: `GET /v1/health` and `GET /v1/kv` of one node, beside bare fastify that answers the same bytes from memory,
 * and beside the HTTP gateway of etcd (`/health`, `/v3/kv/range`), one node too. The same lean client asks all of them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { startDev } from '../../e2e/harness.ts';
import { etcdVersion, startEtcd } from '../kv/etcd.ts';
import { measure } from '../kv/load.ts';
import type { BenchmarkOptions, BenchmarkReport, Series } from '../report.ts';
import { createRawClient, type RawRequest } from './raw-http.ts';

const WIDTHS = [1, 64] as const;
const WARM_UP_SECONDS = 3;
const OPERATIONS = ['GET /v1/health', 'GET /v1/kv/{key}, 1 KiB', 'GET /v1/kv, 10 keys'] as const;

interface Candidate {
  readonly name: string;
  readonly url: string;
  readonly pids: readonly number[];
  readonly requests: Readonly<Record<(typeof OPERATIONS)[number], RawRequest>>;
}
type Values = Series & { readonly values: number[] };

export async function run({ rounds, seconds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  await using stack = new AsyncDisposableStack();
  const candidates = [await fastify(stack), await ours(stack)];
  const version = etcdVersion();
  if (version) candidates.push(await etcd(stack));
  else say('skipped: needs etcd');
  const series: Values[] = [];
  for (const candidate of candidates) {
    say(`warming up ${candidate.name}`);
    for (const operation of OPERATIONS) await load(candidate, operation, 64, WARM_UP_SECONDS);
  }
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    for (const operation of OPERATIONS)
      for (const width of WIDTHS)
        for (const candidate of candidates) {
          const { perSecond, p99, serverMicros } = await load(candidate, operation, width, seconds);
          const add = (what: string, value: number) => {
            const name = `${operation}, ${width} in flight: ${what}`;
            const found = series.find((one) => one.measure === name && one.candidate === candidate.name);
            if (found) found.values.push(value);
            else series.push({ measure: name, candidate: candidate.name, values: [value] });
          };
          add('requests/s', perSecond);
          add('p99 ms', p99);
          add('CPU of the server, µs each', serverMicros);
        }
  }
  return { versions: { etcd: version ?? 'absent', fastify: '5' }, baseline: 'fastify', series };
}

async function load(
  { url, pids, requests }: Candidate,
  operation: (typeof OPERATIONS)[number],
  width: number,
  seconds: number,
) {
  using stack = new DisposableStack();
  const free = Array.from({ length: width }, () => stack.use(createRawClient(url, requests[operation])));
  return await measure({ width, seconds, pids }, async () => {
    const client = free.pop();
    if (!client) throw new Error('more in flight than connections');
    await client.send();
    free.push(client);
  });
}

const asked = (headers: Record<string, string> = {}): Candidate['requests'] => ({
  'GET /v1/health': { method: 'GET', path: '/v1/health', headers },
  'GET /v1/kv/{key}, 1 KiB': { method: 'GET', path: '/v1/kv/bench%2F0', headers },
  'GET /v1/kv, 10 keys': { method: 'GET', path: '/v1/kv?prefix=bench%2F&limit=10', headers },
});

async function ours(stack: AsyncDisposableStack): Promise<Candidate> {
  const dev = stack.use(await startDev({ nodes: 1 }));
  await using client = dev.client(0);
  for (let i = 0; i < 10; i++) await client.kv.put(`bench/${i}`, 'v'.repeat(1_024));
  const { http: url, pid } = dev.node(0);
  return {
    name: 'p2pos',
    url,
    pids: [pid ?? 0],
    requests: asked({ authorization: `Bearer ${dev.token(0)}` }),
  };
}

async function fastify(stack: AsyncDisposableStack): Promise<Candidate> {
  const child: ChildProcess = spawn(
    process.execPath,
    [new URL('./plain-fastify.ts', import.meta.url).pathname],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  stack.defer(() => void child.kill());
  if (!child.stdout) throw new Error('fastify has no output');
  const [port] = await once(child.stdout, 'data');
  const url = `http://127.0.0.1:${String(port).trim()}`;
  return { name: 'fastify', url, pids: [child.pid ?? 0], requests: asked() };
}

async function etcd(stack: AsyncDisposableStack): Promise<Candidate> {
  const cluster = stack.use(await startEtcd(1));
  const url = cluster.urls[0] as string;
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const post = (path: string, body: object): RawRequest => ({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  for (let i = 0; i < 10; i++) {
    const put = post('/v3/kv/put', { key: base64(`bench/${i}`), value: base64('v'.repeat(1_024)) });
    using client = createRawClient(url, put);
    await client.send();
  }
  return {
    name: 'etcd',
    url,
    pids: cluster.pids(),
    requests: {
      'GET /v1/health': { method: 'GET', path: '/health' },
      'GET /v1/kv/{key}, 1 KiB': post('/v3/kv/range', { key: base64('bench/0') }),
      'GET /v1/kv, 10 keys': post('/v3/kv/range', {
        key: base64('bench/'),
        range_end: base64('bench0'),
        keys_only: true,
      }),
    },
  };
}
