/** Many tables on one virtual network, joined by the protocol alone. */
import { type Crypto, peerIdFromPublicKey } from '@p2pos/protocol';
import { createSeededRandom, type SeededRandom } from '../../../testing/seeded-random.ts';
import { keyedCrypto, keyedSignerOf } from '../../../testing/simnet/keyed-crypto.ts';
import { silentLogger } from '../../log/index.ts';
import type { Address, PeerId } from '../../net/index.ts';
import { createDht, type DhtConfig } from '../dht.ts';
import type { Dht } from '../port.ts';
import { createNodeIds } from '../routing/node-id.ts';
import { createKadNetwork, type KadLink, type KadNetwork } from './kad-network.ts';
import { createTickClock, type TickClock } from './tick-clock.ts';

export interface SwarmNode {
  readonly peerId: PeerId;
  readonly dht: Dht;
  readonly link: KadLink;
}

export interface SwarmConfig {
  readonly seed?: string;
  readonly tickMs?: number;
  readonly dht?: Partial<DhtConfig>;
  /** Default: each node in a network of its own. */
  readonly addressOf?: (index: number) => Address;
}

export interface SwarmPlace {
  readonly address?: Address;
  /** As if its key had been tried out until it hashed to this. */
  readonly id?: Uint8Array;
  /** One of the nodes that it knows at first. */
  readonly knows?: SwarmNode | undefined;
}

export interface Swarm {
  readonly clock: TickClock;
  readonly network: KadNetwork;
  readonly random: SeededRandom;
  readonly crypto: Crypto;
  readonly nodes: SwarmNode[];
  readonly idOf: (peerId: PeerId) => Uint8Array;
  /** A new node that knows up to three of those there. It has not joined yet. */
  add(place?: SwarmPlace): SwarmNode;
  /** Brings `count` nodes in, some at once, each by asking those it knows. */
  grow(count: number, atOnce?: number): Promise<void>;
  /** Silently, as by a power cut. */
  kill(node: SwarmNode): Promise<void>;
}

export const SYSTEM_ID = `sys1${'a'.repeat(52)}`;
const BOOTSTRAP_NODES = 3;

export function createSwarm({
  seed = 'swarm',
  tickMs = 5,
  dht: config = {},
  addressOf = publicAddress,
}: SwarmConfig = {}): Swarm {
  const random = createSeededRandom(seed);
  const clock = createTickClock({ tickMs });
  const chance = random.fork('latency');
  // 10 to 90 ms one way, most of them short: the middle of the internet.
  const network = createKadNetwork({ clock }, { latencyMs: () => 10 + 80 * chance.float() ** 2 });
  const keys = random.fork('keys');
  const places = random.fork('places');
  const hashed = createNodeIds(keyedCrypto);
  const chosen = new Map<PeerId, Uint8Array>();
  const idOf = (peerId: PeerId) => (chosen.size > 0 && chosen.get(peerId)) || hashed(peerId);
  const nodes: SwarmNode[] = [];
  let made = 0;

  function add({ address, id, knows }: SwarmPlace = {}): SwarmNode {
    const publicKey = keys.bytes(32);
    const peerId = peerIdFromPublicKey(publicKey);
    if (id) chosen.set(peerId, id);
    const link = network.attach(peerId, [address ?? addressOf(made++)]);
    const dht = createDht(
      {
        transport: link,
        crypto: keyedCrypto,
        signer: keyedSignerOf(publicKey),
        clock,
        random: random.fork(peerId),
        log: silentLogger,
        idOf,
      },
      { systemId: SYSTEM_ID, peerId, ...config },
    );
    for (let tries = 0; tries < BOOTSTRAP_NODES && nodes.length > 0; tries++) {
      const known = (tries === 0 && knows) || places.pick(nodes);
      dht.learn({ peerId: known.peerId, addresses: known.link.addresses() });
    }
    const node = { peerId, dht, link };
    nodes.push(node);
    return node;
  }

  return {
    clock,
    network,
    random,
    crypto: keyedCrypto,
    nodes,
    idOf,
    add,
    async grow(count, atOnce = 50) {
      const end = nodes.length + count;
      if (nodes.length === 0) add();
      while (nodes.length < end) {
        const joining: Promise<void>[] = [];
        for (let some = Math.min(atOnce, nodes.length, end - nodes.length); some > 0; some--)
          joining.push(add().dht.join());
        await clock.during(Promise.allSettled(joining));
      }
    },
    async kill(node) {
      nodes.splice(nodes.indexOf(node), 1);
      node.link.up = false;
      network.links.delete(node.peerId);
      await node.dht[Symbol.asyncDispose]();
    },
  };
}

/** Each in a /24 of its own. */
export function publicAddress(index: number): Address {
  const network = index + 0x0b_00_00;
  return `/ip4/${(network >> 16) & 255}.${(network >> 8) & 255}.${network & 255}.7/tcp/4100`;
}
