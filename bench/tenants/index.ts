/**
 * Ten apps, a thousand WebSocket clients on one node of three. In turns one app keeps to its quota, or asks a hundred times as much
 * through all nodes at once. What counts is what the other nine feel of it, and how much of it passes. There is no peer that
 * does the same: calm is compared with storm. Give it time: `npm run bench -- tenants --rounds 7 --seconds 8`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type DevSystem, startDev } from '../../e2e/harness.ts';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import type { BenchmarkOptions, BenchmarkReport, Series } from '../report.ts';
import { type Crowd, type OpenCrowd, type Order, openCrowd } from './clients.ts';
import type { Flooded } from './flood.ts';

const APPS = 10;
const CLIENTS = 1_000;
const QUOTA = 100;
/** Of each of the nine, a second. */
const PACE = 50;
const EXCESS = 100;
/** A question that is not answered by then counts as one that took so long. */
const PATIENCE_MS = 10_000;
/** Who floods does not get all its answers in time; what comes later is not counted. */
const FLOOD_PATIENCE_MS = 500;

export async function run({ rounds, seconds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  await using stack = new AsyncDisposableStack();
  const dev = stack.use(await startDev({ nodes: 3 }));
  const tokens: string[] = [];
  for (let i = 0; i < APPS; i++) tokens.push(await makeApp(dev, `app${i}`));
  const [greedy = '', ...modest] = tokens;
  const urls = dev.nodes().map(({ http }) => http);
  const others: OpenCrowd[] = [];
  for (const token of modest) {
    const crowd = await openCrowd({ urls: urls.slice(0, 1), token, clients: CLIENTS / APPS });
    stack.defer(() => crowd.close());
    others.push(crowd);
  }
  say(`${(CLIENTS / APPS) * others.length} sockets are open`);

  const phase = async (perSecond: number) => {
    // What the flood before left behind has gone, so that nothing of it is felt here.
    for (const [i, url] of urls.entries()) await calm(url, i === 0 ? (CLIENTS / APPS) * others.length : 0);
    // A hundred of the thousand, and as many more as bring it to the other nodes.
    await using flood = await startFlood({ urls, token: greedy, clients: (CLIENTS / APPS) * urls.length });
    const before = dev.nodes().map(({ pid }) => processorMs(pid));
    const since = performance.now();
    const [flooded, ...felt] = await Promise.all([
      flood.ask({ perSecond, seconds, patienceMs: FLOOD_PATIENCE_MS }),
      ...others.map((crowd) => crowd.ask({ perSecond: PACE, seconds, patienceMs: PATIENCE_MS })),
    ]);
    const wallMs = performance.now() - since;
    const busy = dev.nodes().map(({ pid }, i) => (100 * (processorMs(pid) - (before[i] ?? 0))) / wallMs);
    return { felt, flooded, busy };
  };

  say('warming up');
  await phase(QUOTA);
  await phase(QUOTA * EXCESS);
  const series: Record<string, number[]> = {};
  const add = (measure: string, candidate: string, value: number) => {
    const name = `${measure}\n${candidate}`;
    series[name] = [...(series[name] ?? []), value];
  };
  for (let round = 1; round <= rounds; round++) {
    const both = Object.entries({ calm: QUOTA / 2, storm: QUOTA * EXCESS });
    // In turns, also who comes first: what grows with time is nobody's.
    for (const [candidate, perSecond] of round % 2 === 0 ? both.reverse() : both) {
      const { felt, flooded, busy } = await phase(perSecond);
      const total = (what: 'refused' | 'missing' | 'lost') => felt.reduce((sum, one) => sum + one[what], 0);
      const late = new Array<number>(total('missing')).fill(PATIENCE_MS);
      const all = [...felt.flatMap(({ latenciesMs }) => latenciesMs), ...late].sort((a, b) => a - b);
      const at = (share: number) => all[Math.floor(all.length * share)] ?? Number.NaN;
      add('the nine others: p50 ms', candidate, at(0.5));
      add('the nine others: p99 ms', candidate, at(0.99));
      add(
        'the nine others: refused, late or cut off',
        candidate,
        total('refused') + late.length + total('lost'),
      );
      add('the node of the thousand: % of a core', candidate, busy[0] ?? Number.NaN);
      add('the other two nodes: % of a core', candidate, ((busy[1] ?? 0) + (busy[2] ?? 0)) / 2);
      add('the one: asks a second', candidate, flooded.asked / seconds);
      add(
        'the one: passed, % of its quota',
        candidate,
        (100 * flooded.taken) / (QUOTA * (flooded.elapsedMs / 1_000)),
      );
      add('the one: refusals written, a second', candidate, flooded.refused / (flooded.elapsedMs / 1_000));
      add('the one: sockets cut off', candidate, flooded.lost);
      say(
        `round ${round}, ${candidate}: p50 ${at(0.5).toFixed(1)}, p99 ${at(0.99).toFixed(1)} ms, nodes ${busy.map(Math.round)} % of a core; ${JSON.stringify(flooded)}`,
      );
    }
  }
  return {
    versions: { apps: String(APPS), clients: String(CLIENTS) },
    baseline: 'calm',
    series: Object.entries(series).map(([name, values]): Series => {
      const [measure = '', candidate = ''] = name.split('\n');
      return { measure, candidate, values };
    }),
  };
}

async function makeApp(dev: DevSystem, app: string): Promise<string> {
  await using operator = dev.client(0);
  await operator.apps.put(app, { quotas: { requests: app === 'app0' ? QUOTA : 1_000 } });
  const { token } = await operator.apps.tokens.create(app, { grants: ['kv:*'] });
  const put = await fetch(`${dev.node(0).http}/v1/kv/k`, {
    method: 'PUT',
    body: 'x'.repeat(100),
    headers: { authorization: `Bearer ${token}` },
  });
  if (!put.ok) throw new Error(await put.text());
  return token;
}

/** Of the whole process so far, user and system, as Linux tells (proc(5): fields 14 and 15, 10 ms each). */
function processorMs(pid: number | null): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return Number.NaN;
  }
}

/** Waits until the node has no more than so many sockets open. */
async function calm(url: string, sockets: number): Promise<void> {
  await eventually(
    async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const open = Number(/^p2pos_sockets (\d+)$/m.exec(text)?.[1]);
      if (open <= sockets) return true;
      throw new Error(`${url} has ${open} sockets open, not ${sockets}`);
    },
    { timeoutMs: 10_000 },
  );
}

interface Flood extends AsyncDisposable {
  ask(order: Order): Promise<Flooded>;
}

async function startFlood(crowd: Crowd): Promise<Flood> {
  const child = fork(new URL('./flood.ts', import.meta.url), [JSON.stringify(crowd)]);
  await answerOf(child);
  return {
    async ask(order) {
      const answer = answerOf(child);
      child.send(order);
      return (await answer) as Flooded;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill();
      await gone;
    },
  };
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  using stack = new DisposableStack();
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const gone = () => reject(new Error('the flood has ended by itself'));
  child.once('message', resolve);
  child.once('exit', gone);
  stack.defer(() => void child.off('exit', gone));
  return await promise;
}
