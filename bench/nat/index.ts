/** Two peers behind each pair of routers: direct or through a relay, how soon, how fast. Real translation, in network namespaces. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createInternet, type Internet, type RouterKind } from '../../e2e/namespaces/routers.ts';
import { missingForNamespaces } from '../../e2e/namespaces/spaces.ts';
import { identityFromSeed } from '../../packages/node/src/core/identity/index.ts';
import type { BenchmarkOptions, BenchmarkReport, Series } from '../report.ts';
import type { Order, PeerSettings } from './peer.ts';

const KINDS: readonly RouterKind[] = ['open', 'full-cone', 'restricted', 'port-restricted', 'symmetric'];
const BYTES = 16 * 1_048_576;
/** For punching; after it the pair stays with its relay. */
const DIRECT_WAIT_MS = 12_000;

interface Peer {
  readonly peerId: string;
  ask<T>(order: Order): Promise<T>;
}

export async function run({ say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const missing = missingForNamespaces();
  if (missing !== undefined) {
    say(missing);
    return { versions: {}, baseline: 'direct', series: [] };
  }
  const series: Series[] = [];
  say(
    '| | | link | first byte, ms | direct after, ms | there, MiB/s | back, MiB/s |\n| --- | --- | --- | --- | --- | --- | --- |',
  );
  for (const [i, a] of KINDS.entries())
    for (const b of KINDS.slice(i)) {
      const row = await measure(a, b).catch((error: unknown) => String(error));
      if (typeof row === 'string') {
        say(`| ${a} | ${b} | ${row} | | | | |`);
        continue;
      }
      const { link, firstMs, directMs, there, back } = row;
      const after = directMs === undefined ? '' : directMs.toFixed(0);
      say(
        `| ${a} | ${b} | ${link} | ${firstMs.toFixed(0)} | ${after} | ${there.toFixed(1)} | ${back.toFixed(1)} |`,
      );
      series.push({ measure: `${a} and ${b}, MiB/s`, candidate: link, values: [there, back] });
    }
  return { versions: {}, baseline: 'direct', series };
}

async function measure(a: RouterKind, b: RouterKind) {
  await using parts = new AsyncDisposableStack();
  const kinds: RouterKind[] = ['open', 'open', a, b];
  const internet = parts.use(createInternet(kinds));
  const seeds = kinds.map(() => randomBytes(32));
  const members = seeds.map((seed) => identityFromSeed(new Uint8Array(seed)).peerId);
  const at = (i: number) => `/ip4/${internet.address(i)}/tcp/4100/p2p/${members[i]}`;
  const peers: Peer[] = [];
  for (const [i, seed] of seeds.entries()) {
    const settings = {
      seed: seed.toString('hex'),
      host: internet.address(i),
      members,
      seeds: [at(0), at(1)],
    };
    peers.push(await startPeer(parts, internet, i, settings, members[i] ?? ''));
  }
  const [, , near, far] = peers as [Peer, Peer, Peer, Peer];
  for (const peer of [near, far]) await settled(peer);
  const addresses = await far.ask<string[]>({ op: 'addresses' });
  await near.ask({ op: 'learn', peerId: far.peerId, addresses });
  await far.ask({ op: 'learn', peerId: near.peerId, addresses: await near.ask({ op: 'addresses' }) });
  const first = await near.ask<{ ms: number; direct: boolean }>({ op: 'dial', peerId: far.peerId });
  const later = await near.ask<{ ms: number; direct: boolean }>({
    op: 'direct',
    peerId: far.peerId,
    waitMs: DIRECT_WAIT_MS,
  });
  // The relayed connection goes 2 s after a direct one came.
  if (!first.direct && later.direct) await new Promise((resolve) => setTimeout(resolve, 3_000));
  return {
    link: later.direct ? (first.direct ? 'direct' : 'direct, after a relay') : 'relayed',
    firstMs: first.ms,
    directMs: first.direct || !later.direct ? undefined : first.ms + later.ms,
    there: await near.ask<number>({ op: 'send', peerId: far.peerId, bytes: BYTES }),
    back: await far.ask<number>({ op: 'send', peerId: near.peerId, bytes: BYTES }),
  };
}

/** Until it knows how it is reached, and is. */
async function settled(peer: Peer): Promise<void> {
  for (let i = 0; i < 150; i++) {
    const { reach, relays } = await peer.ask<{ reach: string; relays: string[] }>({ op: 'reach' });
    if (reach === 'public' || (reach === 'private' && relays.length === 2)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('reach not found out');
}

async function startPeer(
  parts: AsyncDisposableStack,
  internet: Internet,
  i: number,
  settings: PeerSettings,
  peerId: string,
): Promise<Peer> {
  const [program = '', ...before] = internet.prefix(i);
  const words = [
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'peer.ts'),
    JSON.stringify(settings),
  ];
  const child: ChildProcess = spawn(program, [...before, process.execPath, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = once(child, 'exit');
  parts.defer(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const ask = async <T>(order: Order): Promise<T> => {
    child.stdin?.write(`${JSON.stringify(order)}\n`);
    const { value = '{"error":"the peer ended"}' } = await lines.next();
    const { answer, error } = JSON.parse(String(value)) as { answer: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return answer;
  };
  await ask({ op: 'addresses' });
  return { peerId, ask };
}
