/** Our tables over rpc, on real hosts with TLS over tcp. */
import { createSystemClock } from '../../packages/node/src/core/clock/index.ts';
import { createNodeCrypto } from '../../packages/node/src/core/crypto/index.ts';
import { createDht, createRpcTransport } from '../../packages/node/src/core/dht/index.ts';
import { silentLogger } from '../../packages/node/src/core/log/index.ts';
import { createSystemRandom } from '../../packages/node/src/core/random/index.ts';
import { createRpc } from '../../packages/node/src/core/rpc/index.ts';
import { instantSigner } from '../../packages/node/src/testing/instant-crypto.ts';
import { createBenchNet } from '../rpc/work.ts';
import { type Candidate, inTurn } from './candidate.ts';

export async function startP2pos(count: number): Promise<Candidate> {
  const clock = createSystemClock();
  const random = createSystemRandom();
  const log = silentLogger;
  const nodes = await inTurn(count, async (before: readonly Awaited<ReturnType<typeof start>>[]) => {
    const node = await start();
    const [first] = before;
    if (first) {
      node.dht.learn({ peerId: first.net.peerId, addresses: first.net.addresses() });
      await node.dht.join();
    }
    return node;
  });

  async function start() {
    const net = await createBenchNet({ listen: ['/ip4/127.0.0.1/tcp/0'], encryption: ['tls'] });
    const rpc = createRpc({ net, clock, log });
    const transport = createRpcTransport({ rpc, net, clock, log });
    const signer = instantSigner(random.bytes(32));
    const config = { systemId: `sys1${'a'.repeat(52)}`, peerId: net.peerId };
    const dht = createDht({ transport, crypto: createNodeCrypto(), signer, clock, random, log }, config);
    await net.start();
    return { net, dht };
  }

  return {
    lookup: async (index, target) => (await nodes[index]?.dht.lookup(target))?.queries ?? Number.NaN,
  };
}
