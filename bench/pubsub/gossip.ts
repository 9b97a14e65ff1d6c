/** gossipsub among twenty hosts in five processes, the publisher in one of its own: the same messages as the others. */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import type { Candidate } from './candidate.ts';
import type { FromHosts, ToHosts } from './gossip-hosts.ts';

const PROCESSES = 4;

export function gossipVersion(): string {
  const file = new URL('../../package.json', import.meta.resolve('@libp2p/gossipsub'));
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

export async function gossip(subscribers: number): Promise<Candidate> {
  await using stack = new AsyncDisposableStack();
  const file = join(import.meta.dirname, 'gossip-hosts.ts');
  const addresses: string[] = [];
  const pids: number[] = [];
  const listeners: ((data: Uint8Array, ms: number) => void)[] = [];
  const published: (() => void)[] = [];

  async function open(hosts: number, role: 'subscribe' | 'publish', first: number): Promise<ChildProcess> {
    const child = fork(file, [String(hosts), role], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    stack.defer(() => void child.kill());
    pids.push(child.pid as number);
    const ready = Promise.withResolvers<void>();
    const connected = Promise.withResolvers<void>();
    child.on('message', (message: FromHosts) => {
      if (message.op === 'ready') {
        const before = [...addresses];
        addresses.push(...message.addresses);
        child.send({ op: 'connect', addresses: before } satisfies ToHosts);
        ready.resolve();
      } else if (message.op === 'connected') connected.resolve();
      else if (message.op === 'published') published.shift()?.();
      else {
        for (const [subscriber, seq, ms] of message.list) {
          const data = new Uint8Array(16);
          new DataView(data.buffer).setFloat64(0, seq);
          listeners[first + subscriber]?.(data, ms);
        }
      }
    });
    await ready.promise;
    await connected.promise;
    return child;
  }

  let first = 0;
  for (let i = 0; i < PROCESSES; i++) {
    const hosts = Math.ceil((subscribers - first) / (PROCESSES - i));
    await open(hosts, 'subscribe', first);
    first += hosts;
  }
  const publisher = await open(1, 'publish', 0);
  const publish = (data: Uint8Array) =>
    new Promise<void>((resolve) => {
      published.push(resolve);
      publisher.send({ op: 'publish', data: Buffer.from(data).toString('base64') } satisfies ToHosts);
    });
  // The mesh forms within some heartbeats of a second each.
  let heard = 0;
  listeners.push(...Array.from({ length: subscribers }, () => () => void heard++));
  await eventually(
    async () => {
      heard = 0;
      await publish(new Uint8Array(16));
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      return heard >= subscribers;
    },
    { timeoutMs: 120_000 },
  );
  listeners.length = 0;
  const owned = stack.move();
  return {
    name: 'gossipsub (signed)',
    pids,
    publish,
    subscribe: async (onMessage) => void listeners.push(onMessage),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
