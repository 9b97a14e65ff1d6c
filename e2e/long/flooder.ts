/** `node flooder.ts ADDRESS`: a stranger that floods, sends garbage, then slow bytes; prints what became of each as JSON lines. */
import { MEMBERSHIP } from '@p2pos/protocol/membership';
import { createRpc } from '@p2pos/protocol/rpc';
import { createSystemClock } from '../../packages/node/src/core/clock/index.ts';
import { silentLogger } from '../../packages/node/src/core/log/index.ts';
import { createTestHost } from '../../packages/node/src/core/net/test-host.ts';

const [address = ''] = process.argv.slice(2);
const target = /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? '';
const RATE = 10_000;
const STEP_MS = 20;
const MAX_MS = 10_000;
const { signal } = new AbortController();
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const quiet = [() => {}, () => {}] as const;

async function stranger() {
  const net = await createTestHost({ listen: [] });
  await net.dial([address], { signal });
  return net;
}

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function requests() {
  await using net = await stranger();
  await using rpc = createRpc({ net, clock: createSystemClock(), log: silentLogger });
  const startedAt = performance.now();
  let sent = 0;
  let refused = 0;
  while (net.isConnected(target) && performance.now() - startedAt < MAX_MS) {
    for (let i = 0; i < (RATE * STEP_MS) / 1_000; i++, sent++)
      rpc.call(target, MEMBERSHIP, 'heads', {}, { timeoutMs: 5_000 }).catch(() => refused++);
    await pause(STEP_MS);
  }
  const ms = Math.round(performance.now() - startedAt);
  say({ phase: 'requests', banned: !net.isConnected(target), ms, sent, refused });
}

async function garbage() {
  await using net = await stranger();
  let times = 0;
  const startedAt = performance.now();
  while (performance.now() - startedAt < MAX_MS) {
    if (!net.isConnected(target)) {
      await net.dial([address], { signal });
      await pause(200);
      if (!net.isConnected(target)) break;
    }
    const channel = await net.open(target, MEMBERSHIP.protocol, { signal });
    channel.receive(...quiet);
    channel.send(new Uint8Array(1_024).fill(0xff));
    times++;
    await pause(200);
  }
  say({ phase: 'garbage', banned: !net.isConnected(target), times });
}

async function slowBytes() {
  await using net = await stranger();
  const channels = await Promise.all(
    Array.from({ length: 32 }, () =>
      net.open(target, MEMBERSHIP.protocol, { signal }).catch(() => undefined),
    ),
  );
  for (const channel of channels) channel?.receive(...quiet);
  for (let i = 0; i < 20; i++) {
    for (const channel of channels) channel?.send(Uint8Array.of(1));
    await pause(200);
  }
  say({ phase: 'slow bytes', channels: channels.filter(Boolean).length });
}

await requests();
await garbage();
await slowBytes();
process.exit(0);
