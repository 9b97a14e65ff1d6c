/**
 * Some libp2p hosts with gossipsub as it is by default (each message signed and verified), in a process of their own. Told
 * over IPC: `connect` to addresses, `publish` so many messages; tells of what arrives: which subscriber, number, latency.
 */
import { gossipsub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import { tcp } from '@libp2p/tcp';
import { tls } from '@libp2p/tls';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';

export const GOSSIP_TOPIC = 'bench.topic';

export type ToHosts =
  | { readonly op: 'connect'; readonly addresses: readonly string[] }
  | { readonly op: 'publish'; readonly data: string };
export type FromHosts =
  | { readonly op: 'ready'; readonly addresses: readonly string[] }
  | { readonly op: 'connected' }
  | { readonly op: 'published' }
  | {
      readonly op: 'arrived';
      readonly list: readonly (readonly [subscriber: number, seq: number, ms: number])[];
    };

const count = Number(process.argv[2] ?? 1);
const subscribes = process.argv[3] === 'subscribe';
const now = () => performance.timeOrigin + performance.now();
const tell = (message: FromHosts) => process.send?.(message);
let arrived: [number, number, number][] = [];
setInterval(() => {
  if (arrived.length > 0) tell({ op: 'arrived', list: arrived });
  arrived = [];
}, 10);

const hosts = await Promise.all(
  Array.from({ length: count }, async (_, i) => {
    const host = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [tls()],
      streamMuxers: [yamux()],
      connectionManager: { inboundConnectionThreshold: 1_000 },
      services: {
        identify: identify(),
        // All come from one address here, which it would take for one attacker.
        pubsub: gossipsub({ scoreParams: { IPColocationFactorWeight: 0 } }),
      },
    });
    const { pubsub } = host.services;
    pubsub.subscribe(GOSSIP_TOPIC);
    if (subscribes) {
      pubsub.addEventListener('message', ({ detail: { data } }) => {
        const view = new DataView(data.buffer, data.byteOffset);
        arrived.push([i, view.getFloat64(0), now() - view.getFloat64(8)]);
      });
    }
    return host;
  }),
);
tell({ op: 'ready', addresses: hosts.flatMap((host) => host.getMultiaddrs().map(String)) });

process.on('message', async (message: ToHosts) => {
  if (message.op === 'connect') {
    for (const host of hosts)
      for (const address of message.addresses) await host.dial(multiaddr(address)).catch(() => {});
    tell({ op: 'connected' });
    return;
  }
  // It fails while it knows nobody who listens.
  const publishing = hosts[0]?.services.pubsub.publish(GOSSIP_TOPIC, Buffer.from(message.data, 'base64'));
  await publishing?.catch(() => {});
  tell({ op: 'published' });
});
process.on('disconnect', () => process.exit());
