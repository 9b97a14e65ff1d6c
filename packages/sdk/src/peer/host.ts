/** The page's end of the network: libp2p over WebSockets and relays, as the narrow network that calls stand on. */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { type Clock, P2posError } from '@p2pos/protocol';
import { createStreamChannel, type PeerId, type RpcNet } from '@p2pos/protocol/rpc';
import { createLibp2p, type Libp2p } from 'libp2p';
import { resettable } from './socket-reset.ts';

export interface HostConnection {
  readonly peerId: PeerId;
  /** Multiaddr by which it was dialled. */
  readonly address: string;
  /** Through another member. */
  readonly relayed: boolean;
}

export interface Host extends RpcNet, AsyncDisposable {
  connections(): HostConnection[];
  /** The peer proved that it holds the key of the id that the address ends in. @throws P2posError PEER_UNREACHABLE */
  dial(address: string, options: { readonly signal: AbortSignal }): Promise<PeerId>;
  /** Told whenever a connection came or went. */
  readonly changed: { listener: () => void };
}

type Connection = ReturnType<Libp2p['getConnections']>[number];

/** What a page can dial: WebSockets, also to a relay. From a page that came over https browsers allow secure ones only. */
export function isDialable(address: string, secureOnly = isSecurePage()): boolean {
  if (!/\/p2p\/[^/]+$/.test(address)) return false;
  if (/\/(wss|tls\/ws|tls\/sni\/[^/]+\/ws)(\/|$)/.test(address)) return true;
  return !secureOnly && /\/ws(\/|$)/.test(address);
}

function isSecurePage(): boolean {
  return (
    (globalThis as { readonly location?: { readonly protocol: string } }).location?.protocol === 'https:'
  );
}

export async function createHost(
  { clock }: { readonly clock: Clock },
  { seed }: { readonly seed: Uint8Array },
): Promise<Host> {
  const changed = { listener: () => {} };
  /** Given up here; libp2p may take a while to notice. */
  const dropped = new WeakSet<Connection>();
  const host = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seed),
    nodeInfo: { name: 'p2pos-page', userAgent: 'p2pos-page' },
    addresses: { listen: [] },
    transports: [resettable(webSockets()), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // Whom to dial is decided from signed documents; a page may well sit beside its node, on loopback.
    connectionGater: { denyDialMultiaddr: () => false },
    connectionManager: { reconnectRetries: 0 },
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  });
  const open = () => host.getConnections().filter((one) => one.status === 'open' && !dropped.has(one));
  const of = (peerId: PeerId) => open().filter(({ remotePeer }) => remotePeer.toString() === peerId);
  for (const event of ['connection:open', 'connection:close'] as const)
    host.addEventListener(event, () => changed.listener());

  return {
    peerId: host.peerId.toString(),
    changed,
    connections: () =>
      open().map(({ remotePeer, remoteAddr }) => ({
        peerId: remotePeer.toString(),
        address: remoteAddr.toString(),
        relayed: remoteAddr.toString().includes('/p2p-circuit'),
      })),
    async dial(address, { signal }) {
      signal.throwIfAborted();
      const peerId = /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? address;
      try {
        const connection = await host.dial(multiaddr(address), { signal });
        return connection.remotePeer.toString();
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new P2posError('PEER_UNREACHABLE', { peerId, reason }, { cause });
      }
    },
    async open(peerId, protocol, { signal }) {
      signal.throwIfAborted();
      // Direct ones first; among equals the newest, since an older one may be half-open.
      const [connection] = of(peerId).toSorted(
        (a, b) =>
          Number(a.remoteAddr.toString().includes('/p2p-circuit')) -
            Number(b.remoteAddr.toString().includes('/p2p-circuit')) || b.timeline.open - a.timeline.open,
      );
      if (!connection) throw new P2posError('PEER_UNREACHABLE', { peerId });
      try {
        const stream = await connection.newStream(protocol, { signal, runOnLimitedConnection: true });
        if (stream.status !== 'open') throw new Error(`the stream is ${stream.status}`);
        return createStreamChannel({ clock }, stream, peerId);
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if ((cause as Error).name === 'UnsupportedProtocolError')
          throw new P2posError('METHOD_UNKNOWN', { peerId, method: protocol }, { cause });
        throw new P2posError('PEER_UNREACHABLE', { peerId }, { cause });
      }
    },
    handle(protocol, handler) {
      const ready = host.handle(
        protocol,
        (stream, connection) =>
          handler(createStreamChannel({ clock }, stream, connection.remotePeer.toString())),
        { runOnLimitedConnection: true },
      );
      ready.catch(() => {});
      return { [Symbol.dispose]: () => void host.unhandle(protocol).catch(() => {}) };
    },
    async hangUp(peerId) {
      for (const connection of of(peerId)) {
        dropped.add(connection);
        connection.abort(new P2posError('PEER_UNREACHABLE', { peerId }));
      }
      changed.listener();
    },
    async [Symbol.asyncDispose]() {
      changed.listener = () => {};
      for (const connection of open()) connection.abort(new P2posError('CLIENT_CLOSED'));
      await host.stop();
    },
  };
}
