/** A node's network, calls and reach without the rest, on a machine of the test internet; takes orders on standard input. */
import { createInterface } from 'node:readline';
import { createSystemClock } from '../../packages/node/src/core/clock/index.ts';
import { createEmitter } from '../../packages/node/src/core/events/index.ts';
import { identityFromSeed } from '../../packages/node/src/core/identity/index.ts';
import { silentLogger } from '../../packages/node/src/core/log/index.ts';
import type { Membership, MembershipEvents } from '../../packages/node/src/core/membership/index.ts';
import { type Channel, createNet } from '../../packages/node/src/core/net/index.ts';
import { createSystemRandom } from '../../packages/node/src/core/random/index.ts';
import { createReachability } from '../../packages/node/src/core/reach/index.ts';
import { createRpc } from '../../packages/node/src/core/rpc/index.ts';

export interface PeerSettings {
  readonly seed: string;
  readonly host: string;
  readonly members: readonly string[];
  /** Where the relays are. */
  readonly seeds: readonly string[];
}

export type Order =
  | { readonly op: 'addresses' }
  | { readonly op: 'reach' }
  | { readonly op: 'learn'; readonly peerId: string; readonly addresses: readonly string[] }
  | { readonly op: 'dial'; readonly peerId: string }
  | { readonly op: 'direct'; readonly peerId: string; readonly waitMs: number }
  | { readonly op: 'send'; readonly peerId: string; readonly bytes: number };

const SINK = '/p2pos/bench-sink/1.0.0';
const settings = JSON.parse(process.argv[2] ?? '') as PeerSettings;
const [clock, random, log] = [createSystemClock(), createSystemRandom(), silentLogger];
const identity = identityFromSeed(new Uint8Array(Buffer.from(settings.seed, 'hex')));
const self = identity.peerId;
const relays = new Set(settings.seeds.map((address) => address.split('/p2p/').at(-1)));
const listed = new Map(
  settings.members.map((peerId) => [peerId, { capabilities: relays.has(peerId) ? ['relay'] : [] }]),
);
const book = new Map<string, readonly string[]>();
const membership = {
  view: () => ({ members: listed }),
  isActive: (peerId: string) => listed.has(peerId),
  events: createEmitter<MembershipEvents>(() => {}),
} as unknown as Membership;

const net = await createNet(
  { identity, clock, random, log },
  {
    listen: [`/ip4/${settings.host}/tcp/4100`],
    admit: () => true,
    isMember: (peerId) => listed.has(peerId),
    isRelay: () => relays.has(self),
    isBehindRouter: true,
  },
);
const rpc = createRpc({ net, clock, log, random }, {});
net.handle(SINK, (channel) => {
  let left = 0;
  channel.receive(
    (chunk) => {
      let body = chunk;
      if (left === 0) {
        left = Buffer.from(chunk).readUInt32BE(0);
        body = chunk.subarray(4);
      }
      left -= body.length;
      if (left <= 0) channel.send(Uint8Array.of(1));
    },
    () => {},
  );
});
await net.start();
for (const address of settings.seeds)
  if (!address.endsWith(self))
    await net.dial([address], { signal: AbortSignal.timeout(20_000) }).catch(() => {});
const reach = createReachability(
  {
    net,
    rpc,
    membership,
    liveness: { pulse: () => undefined },
    mesh: { book: () => [...book].map(([peerId, addresses]) => ({ peerId, addresses })) },
    presence: { announce: () => {} },
    clock,
    random,
    log,
  },
  { mode: 'auto', intervalMs: 2_000 },
);

const isDirect = (peerId: string) =>
  net.connections().some((one) => one.peerId === peerId && one.relayed !== true);

async function send(peerId: string, bytes: number): Promise<void> {
  const channel: Channel = await net.open(peerId, SINK, { signal: AbortSignal.timeout(10_000) });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  channel.receive(
    () => resolve(),
    (error) => reject(error ?? new Error('the channel ended early')),
  );
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes);
  channel.send(head);
  const chunk = new Uint8Array(65_536);
  for (let left = bytes; left > 0; left -= chunk.length)
    if (!channel.send(left < chunk.length ? chunk.subarray(0, left) : chunk)) await channel.drained();
  await promise;
  channel.close();
}

async function obey(order: Order): Promise<unknown> {
  const at = performance.now();
  switch (order.op) {
    case 'addresses':
      return net.addresses();
    case 'reach':
      return reach.current();
    case 'learn':
      book.set(order.peerId, order.addresses);
      return true;
    case 'dial':
      await net.dial(book.get(order.peerId) ?? [], { signal: AbortSignal.timeout(15_000) });
      await send(order.peerId, 1);
      return { ms: performance.now() - at, direct: isDirect(order.peerId) };
    case 'direct':
      while (!isDirect(order.peerId) && performance.now() - at < order.waitMs)
        await new Promise((resolve) => setTimeout(resolve, 20));
      return { ms: performance.now() - at, direct: isDirect(order.peerId) };
    case 'send':
      await send(order.peerId, order.bytes);
      return order.bytes / 1_048_576 / ((performance.now() - at) / 1_000);
  }
}

for await (const line of createInterface({ input: process.stdin }))
  console.log(
    await obey(JSON.parse(line) as Order).then(
      (answer) => JSON.stringify({ answer }),
      (error) => JSON.stringify({ error: String(error) }),
    ),
  );
process.exit(0);
