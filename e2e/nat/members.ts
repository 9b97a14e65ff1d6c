/** A system whose nodes are whole processes, each on a machine of that internet; the public ones are where it is found. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NetworkStatus, PeerStatus } from '@p2pos/protocol';
import { CLONE, type DevSystem, startDev } from '../harness.ts';
import { createInternet, type Internet, type RouterKind } from '../namespaces/routers.ts';

const GATEWAY = fileURLToPath(new URL('gateway.ts', import.meta.url));
const NODE_MAIN = join(CLONE, 'packages/node/bin/p2pos-node.mjs');

export interface MembersSystem extends AsyncDisposable {
  peerId(i: number): string;
  start(i: number): void;
  kill(i: number): void;
  /** What node `i` answers over HTTP on its own machine. */
  ask<T>(i: number, method: string, path: string, body?: string): Promise<T>;
  status(i: number): Promise<NetworkStatus>;
  /** How `i` is connected to `j`; undefined: it is not. */
  link(i: number, j: number): Promise<'direct' | 'relayed' | undefined>;
}

/** @param upnp machines whose routers lead ports to them when they are asked */
export async function startMembers(
  kinds: readonly RouterKind[],
  { upnp = [] }: { readonly upnp?: readonly number[] } = {},
): Promise<MembersSystem> {
  await using parts = new AsyncDisposableStack();
  const dev = parts.use(await startDev({ nodes: kinds.length }));
  const ids = kinds.map((_, i) => dev.node(i).peerId);
  await dev.end();
  const internet = parts.use(createInternet(kinds));
  for (const i of kinds.keys()) moveOut(dev, kinds, i, internet.address);
  for (const i of upnp) parts.use(await startGateway(internet, i));
  const running = new Map<number, ChildProcess>();
  parts.defer(async () => {
    const gone = [...running.values()].map((child) => once(child, 'exit'));
    for (const child of running.values()) child.kill('SIGKILL');
    await Promise.all(gone);
  });

  function launch(i: number, words: readonly string[]): ChildProcess {
    const [program = '', ...before] = internet.prefix(i);
    return spawn(program, [...before, process.execPath, '--disable-warning=ExperimentalWarning', ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  async function ask<T>(i: number, method: string, path: string, body?: string): Promise<T> {
    const { http } = dev.node(i);
    const json = method === 'POST' ? { 'content-type': 'application/json' } : {};
    const headers = { authorization: `Bearer ${dev.token(i)}`, ...json };
    const init = JSON.stringify({ method, headers, body });
    const script = `fetch('${http}${path}',${init}).then(async(r)=>console.log(await r.text()),(error)=>console.log(JSON.stringify({error:String(error.cause??error)})))`;
    const child = launch(i, ['-e', script]);
    let text = '';
    child.stdout?.on('data', (chunk) => (text += chunk));
    await once(child, 'close');
    try {
      return JSON.parse(text) as T;
    } catch {
      return text.trim() as T;
    }
  }

  const moved = parts.move();
  return {
    peerId: (i) => ids[i] ?? '',
    ask,
    start(i) {
      const child = launch(i, [NODE_MAIN, 'run', '--home', dev.node(i).home]);
      child.stdout?.on('data', (chunk) => {
        if (process.env['P2POS_TEST_LOGS']) process.stderr.write(String(chunk).replace(/^/gm, `node${i} `));
      });
      running.set(i, child);
      child.once('exit', () => {
        if (running.get(i) === child) running.delete(i);
      });
    },
    kill(i) {
      const child = running.get(i);
      running.delete(i);
      child?.kill('SIGKILL');
    },
    status: (i) => ask(i, 'GET', '/v1/network/status'),
    async link(i, j) {
      const { peers = [] } = await ask<{ peers?: PeerStatus[] }>(i, 'GET', '/v1/network/peers');
      const peer = peers.find(({ peerId }) => peerId === ids[j]);
      if (!peer?.connected) return undefined;
      return peer.relayed === true ? 'relayed' : 'direct';
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

async function startGateway(internet: Internet, i: number): Promise<Disposable> {
  const [program = '', ...before] = internet.routerPrefix(i);
  const words = [GATEWAY, internet.routerAddress(i), internet.publicAddress(i)];
  const child = spawn(program, [...before, process.execPath, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

/** Its addresses become those of its machine; it knows only the public nodes. */
function moveOut(
  dev: DevSystem,
  kinds: readonly RouterKind[],
  i: number,
  address: (i: number) => string,
): void {
  const file = join(dev.node(i).home, 'node.toml');
  const at = (j: number) => (dev.node(j).p2p[0] ?? '').replace('127.0.0.1', address(j));
  const seeds = [...kinds.keys()].filter((j) => j !== i && kinds[j] === 'open').map(at);
  const text = readFileSync(file, 'utf8')
    .replaceAll('/ip4/127.0.0.1/', `/ip4/${address(i)}/`)
    .replace(/init_connections = \[[^\]]*\]/, `init_connections = ${JSON.stringify(seeds)}`);
  writeFileSync(file, text);
}
