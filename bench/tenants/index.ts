/**
 * Ten apps, a thousand WebSocket clients on one node of three. In turns one app keeps to its quota, or asks a hundred times as much
 * through all nodes at once. What counts is what the other nine feel of it, and how much of it passes. There is no peer that
 * does the same: calm is compared with storm. Give it time: `npm run bench -- tenants --seconds 10`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { type DevSystem, startDev } from '../../e2e/harness.ts';
import type { BenchmarkOptions, BenchmarkReport, Series } from '../report.ts';
import { type OpenCrowd, type Outcome, openCrowd } from './clients.ts';

const APPS = 10;
const CLIENTS = 1_000;
const QUOTA = 100;
/** Of each of the nine, a second. */
const PACE = 50;
const EXCESS = 100;

export async function run({ rounds, seconds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  await using stack = new AsyncDisposableStack();
  const dev = stack.use(await startDev({ nodes: 3 }));
  const tokens: string[] = [];
  for (let i = 0; i < APPS; i++) tokens.push(await makeApp(dev, `app${i}`));
  say(`opening ${CLIENTS} sockets`);
  const urls = dev.nodes().map(({ http }) => http);
  const others: OpenCrowd[] = [];
  for (const token of tokens.slice(1)) {
    const crowd = await openCrowd({ urls: urls.slice(0, 1), token, clients: CLIENTS / APPS });
    stack.defer(() => crowd.close());
    others.push(crowd);
  }
  const phase = async (perSecond: number) => {
    // A hundred of the thousand, and as many more as bring it to the other nodes.
    const flood = await startFlood({ urls, token: tokens[0] ?? '', clients: (CLIENTS / APPS) * urls.length });
    using _ = { [Symbol.dispose]: () => void flood.kill() };
    const flooding = order(flood, perSecond, seconds);
    const felt = await Promise.all(others.map((crowd) => crowd.ask(PACE, seconds)));
    return { felt, flooded: await flooding };
  };
  say('warming up');
  await phase(QUOTA);
  await phase(QUOTA * EXCESS);
  const series: Record<string, number[]> = {};
  const add = (measure: string, candidate: string, value: number) => {
    const name = `${measure}\n${candidate}`;
    series[name] = [...(series[name] ?? []), value];
  };
  for (let round = 1; round <= rounds; round++)
    for (const [candidate, perSecond] of Object.entries({ calm: QUOTA / 2, storm: QUOTA * EXCESS })) {
      const { felt, flooded } = await phase(perSecond);
      const all = felt.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b);
      const at = (share: number) => all[Math.floor(all.length * share)] ?? Number.NaN;
      add('the nine others: p50 ms', candidate, at(0.5));
      add('the nine others: p99 ms', candidate, at(0.99));
      add('the nine others: refused', candidate, sum(felt, 'refused'));
      add('the one: asks a second', candidate, perSecond);
      add('the one: passed, % of its quota', candidate, (100 * flooded.taken) / (QUOTA * seconds));
      say(`round ${round}, ${candidate}: ${JSON.stringify(flooded)}`);
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

function sum(outcomes: readonly Outcome[], what: 'taken' | 'refused'): number {
  return outcomes.reduce((total, outcome) => total + outcome[what], 0);
}

async function makeApp(dev: DevSystem, app: string): Promise<string> {
  await using operator = dev.client(0);
  await operator.apps.put(app, { quotas: { requests: app === 'app0' ? QUOTA : 1_000 } });
  const { token } = await operator.apps.tokens.create(app, { grants: ['kv:*'] });
  await operator.call('kv.put', { key: 'k', body: new Uint8Array(100) });
  const put = await fetch(`${dev.node(0).http}/v1/kv/k`, {
    method: 'PUT',
    body: 'x'.repeat(100),
    headers: { authorization: `Bearer ${token}` },
  });
  if (!put.ok) throw new Error(await put.text());
  return token;
}

async function startFlood(crowd: object): Promise<ChildProcess> {
  const child = fork(new URL('./flood.ts', import.meta.url), [JSON.stringify(crowd)]);
  await answerOf(child);
  return child;
}

async function order(child: ChildProcess, perSecond: number, seconds: number): Promise<Outcome> {
  const answer = answerOf(child);
  child.send({ perSecond, seconds });
  return (await answer) as Outcome;
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
