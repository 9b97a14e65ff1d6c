/**
 * Messages of 256 bytes from one client to nineteen, through five nodes (real processes; `--nodes 20`: a node for each client) and
 * their WebSocket doors, beside
 * NATS with nineteen clients of one server and gossipsub among twenty hosts in five processes. Each message carries when it was sent; losses, copies and order are counted.
 * `needs nats-server`: without it only ours is measured. `--only p2pos,nats` leaves out gossipsub.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { connect as connectNats } from '@nats-io/transport-node';
import { startDev } from '../../e2e/harness.ts';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { cpuMicros } from '../kv/load.ts';
import { type BenchmarkOptions, type BenchmarkReport, chosen, type Series } from '../report.ts';
import type { Candidate } from './candidate.ts';
import { gossip, gossipVersion } from './gossip.ts';

const SUBSCRIBERS = 19;
const SIZE = 256;
/** What a node takes of one socket, less a few. */
const UNDER_WAY = 240;
const RATES = [20, 200, 2_000];
const TOPIC = 'bench.topic';

export async function run({
  rounds,
  seconds,
  only,
  nodes = 5,
  say,
}: BenchmarkOptions): Promise<BenchmarkReport> {
  await using stack = new AsyncDisposableStack();
  const parts = chosen(['p2pos', 'nats', 'gossipsub'], only);
  const version = natsVersion();
  const candidates: Candidate[] = [];
  if (parts.includes('p2pos')) candidates.push(stack.use(await ours(nodes)));
  if (!version) say('skipped: needs nats-server');
  else if (parts.includes('nats')) candidates.push(stack.use(await nats()));
  if (parts.includes('gossipsub')) candidates.push(stack.use(await gossip(SUBSCRIBERS)));
  const series: (Series & { values: number[] })[] = [];
  const record = (measure: string, candidate: string, value: number) => {
    const found = series.find((one) => one.measure === measure && one.candidate === candidate);
    if (found) found.values.push(value);
    else series.push({ measure, candidate, values: [value] });
  };
  const counters = new Map<Candidate, Counter>();
  for (const candidate of candidates) {
    const counter = createCounter();
    counters.set(candidate, counter);
    for (let i = 0; i < SUBSCRIBERS; i++) await candidate.subscribe(counter.subscriber());
  }
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    for (const rate of [...RATES, undefined]) {
      for (const candidate of candidates) {
        const counter = counters.get(candidate) as Counter;
        const result = await measure(candidate, counter, rate, seconds);
        const at = rate === undefined ? 'at saturation' : `at ${rate} messages/s`;
        record(`deliveries/s ${at}`, candidate.name, result.perSecond);
        record(`p50 ms ${at}`, candidate.name, result.p50);
        record(`p99 ms ${at}`, candidate.name, result.p99);
        record(`processor µs a delivery ${at}`, candidate.name, result.microseconds);
        record(`lost, copied or out of order ${at}`, candidate.name, result.wrong);
      }
    }
  }
  return { versions: { nats: version ?? 'absent', gossipsub: gossipVersion() }, baseline: 'NATS', series };
}

/** Of all processes of this machine, ms. */
const now = () => performance.timeOrigin + performance.now();

interface Counter {
  subscriber(): (data: Uint8Array, ms?: number) => void;
  reset(): void;
  received(): number;
  wrong(): number;
  readonly latencies: number[];
}

function createCounter(): Counter {
  const latencies: number[] = [];
  const next: number[] = [];
  let received = 0;
  let wrong = 0;
  return {
    latencies,
    subscriber() {
      const i = next.push(0) - 1;
      return (data, ms) => {
        const view = new DataView(data.buffer, data.byteOffset);
        received++;
        if (view.getFloat64(0) !== next[i]) wrong++;
        next[i] = view.getFloat64(0) + 1;
        if (received % 16 === 0) latencies.push(ms ?? now() - view.getFloat64(8));
      };
    },
    reset() {
      latencies.length = 0;
      next.fill(0);
      received = 0;
      wrong = 0;
    },
    received: () => received,
    wrong: () => wrong,
  };
}

async function measure(candidate: Candidate, counter: Counter, rate: number | undefined, seconds: number) {
  counter.reset();
  const before = candidate.pids.map(cpuMicros);
  const ownBefore = process.cpuUsage();
  const started = performance.now();
  const end = started + seconds * 1_000;
  let sent = 0;
  const message = () => {
    const data = new Uint8Array(SIZE);
    const view = new DataView(data.buffer);
    view.setFloat64(0, sent++);
    view.setFloat64(8, now());
    return data;
  };
  if (rate === undefined) {
    // As many under way as keep it busy, in order; NATS takes each at once.
    let underWay = 0;
    let wake = () => {};
    while (performance.now() < end) {
      for (let burst = 0; underWay < UNDER_WAY && burst < UNDER_WAY; burst++) {
        underWay++;
        void candidate.publish(message()).then(() => {
          underWay--;
          wake();
        });
      }
      await new Promise<void>((resolve) => {
        if (underWay < UNDER_WAY) setImmediate(resolve);
        else wake = resolve;
      });
    }
  } else {
    while (performance.now() < end) {
      const due = Math.floor(((performance.now() - started) / 1_000) * rate);
      const sending = [];
      while (sent < due && sending.length < UNDER_WAY) sending.push(candidate.publish(message()));
      await Promise.all(sending);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  await eventually(() => counter.received() >= sent * SUBSCRIBERS, { timeoutMs: 20_000 }).catch(() => {});
  const elapsed = (performance.now() - started) / 1_000;
  const sorted = counter.latencies.toSorted((a, b) => a - b);
  const quantile = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  const wrong = counter.wrong() + sent * SUBSCRIBERS - counter.received();
  // Of all that took part, publisher and subscribers too: what the machine is busy with otherwise changes it least.
  const own = process.cpuUsage(ownBefore);
  const theirs = candidate.pids.reduce((sum, pid, i) => sum + cpuMicros(pid) - (before[i] as number), 0);
  const microseconds = (own.user + own.system + theirs) / counter.received();
  return {
    perSecond: counter.received() / elapsed,
    p50: quantile(0.5),
    p99: quantile(0.99),
    microseconds,
    wrong,
  };
}

async function ours(nodes: number): Promise<Candidate> {
  await using stack = new AsyncDisposableStack();
  const dev = stack.use(await startDev({ nodes }));
  const publisher = dev.client(0);
  const ending = new AbortController();
  const clients = [publisher];
  stack.defer(async () => {
    ending.abort();
    for (const client of clients) await client.close();
  });
  let turn = 0;
  const owned = stack.move();
  return {
    name: `p2pos (${nodes} nodes)`,
    pids: dev.nodes().flatMap(({ pid }) => (pid === null ? [] : [pid])),
    publish: (data) => publisher.pubsub.publish(TOPIC, data),
    async subscribe(onMessage) {
      const client = dev.client(1 + (turn++ % (nodes - 1)));
      clients.push(client);
      const opened = Promise.withResolvers<void>();
      void (async () => {
        for await (const event of client.pubsub.subscribe(TOPIC, { signal: ending.signal })) {
          if (event.type === 'message') onMessage(event.data);
          else opened.resolve();
        }
      })();
      await opened.promise;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function natsVersion(): string | undefined {
  try {
    return execFileSync('nats-server', ['--version'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

async function nats(): Promise<Candidate> {
  await using stack = new AsyncDisposableStack();
  const port = 24_222;
  const server: ChildProcess = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
  });
  stack.defer(() => void server.kill());
  const open = () =>
    eventually(() => connectNats({ servers: `127.0.0.1:${port}`, reconnect: false }), { timeoutMs: 10_000 });
  const publisher = await open();
  stack.defer(() => publisher.close());
  const owned = stack.move();
  return {
    name: 'NATS',
    pids: [server.pid as number],
    async publish(data) {
      publisher.publish(TOPIC, data);
    },
    async subscribe(onMessage) {
      const client = await open();
      owned.defer(() => client.close());
      client.subscribe(TOPIC, { callback: (_error, message) => onMessage(message.data) });
      await client.flush();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
