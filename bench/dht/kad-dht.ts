/** @libp2p/kad-dht in server mode on libp2p hosts with TLS over tcp. */
import { identify } from '@libp2p/identify';
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { tls } from '@libp2p/tls';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { type Candidate, inTurn } from './candidate.ts';

/** Of a search's events, one for each answer. */
const PEER_RESPONSE = 1;

export async function startKadDht(count: number): Promise<Candidate> {
  const nodes = await inTurn(count, async (before: readonly Awaited<ReturnType<typeof start>>[]) => {
    const node = await start();
    const known = [before[0], before[Math.floor(before.length / 2)], before.at(-1)];
    for (const other of new Set(known)) if (other) await node.dial(other.getMultiaddrs());
    return node;
  });

  function start() {
    return createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [tls()],
      streamMuxers: [yamux()],
      connectionManager: { inboundConnectionThreshold: 1_000_000, maxConnections: 10_000 },
      services: {
        identify: identify(),
        ping: ping(),
        dht: kadDHT({ clientMode: false, protocol: '/bench/kad/1.0.0', peerInfoMapper: passthroughMapper }),
      },
    });
  }

  return {
    async lookup(index, target) {
      let asked = 0;
      const dht = nodes[index]?.services.dht as KadDHT;
      for await (const event of dht.getClosestPeers(target)) if (event.type === PEER_RESPONSE) asked++;
      return asked;
    },
  };
}
