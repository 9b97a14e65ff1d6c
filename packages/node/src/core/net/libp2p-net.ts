/** `Net` on libp2p: tcp with tls first, then noise, quic and websockets; the one file that knows the host. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { identify } from '@libp2p/identify';
import type { Connection as LibConnection, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { ping } from '@libp2p/ping';

import { multiaddr } from '@multiformats/multiaddr';
import { P2posError } from '@p2pos/protocol';
import type { PeerId } from '@p2pos/protocol/rpc';
import { createStreamChannel } from '@p2pos/protocol/rpc';
import { createLibp2p } from 'libp2p';
import type { Clock } from '../clock/index.ts';
import { createEmitter } from '../events/index.ts';
import type { Identity } from '../identity/index.ts';
import type { Logger } from '../log/index.ts';
import type { Random } from '../random/index.ts';
import { createConnectionTable } from './connection-table.ts';
import { dialInOrder } from './dial-order.ts';
import { race } from './dial-race.ts';
import { createInboundGate } from './inbound-gate.ts';
import { DEFAULT_NET_LIMITS, type NetLimits } from './limits.ts';
import { chooseOutgoingPort, createNat, type HostParts } from './nat.ts';
import type { Address, Handler, Net, NetConfig, NetEvents } from './port.ts';
import { isRelayed, relayServer } from './relay-server.ts';
import { silentLibp2pLogger } from './silent-logger.ts';
import { tls } from './tls/encrypter.ts';
import { isRelayedAddress, loadTransports, rank, transportOf } from './transports.ts';
import { yamux } from './yamux/muxer.ts';

export interface NetDeps {
  readonly identity: Pick<Identity, 'peerId' | 'seed'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Libp2pNetConfig extends NetConfig {
  /** Multiaddrs to listen on, e.g. `/ip4/0.0.0.0/tcp/4100`; none: dials out only. Port 0 lets the system choose. */
  readonly listen: readonly Address[];
  /** What `addresses()` says instead of the addresses listened on, for nodes behind NAT. */
  readonly announce?: readonly Address[] | undefined;
  /** Peers for which `maxStrangers` does not count. Default: all. */
  readonly isMember?: ((peerId: PeerId) => boolean) | undefined;
  /** In order of preference. Default tls, noise. */
  readonly encryption?: readonly ('tls' | 'noise')[];
  readonly limits?: Partial<NetLimits> | undefined;
  /** Whether this node relays for members now. Default: it does not. */
  readonly isRelay?: (() => boolean) | undefined;
  /** All tcp connections leave from one port, so that another node behind a router can dial into it. Default: no. */
  readonly isBehindRouter?: boolean;
}

/** For the host to end once its connections are aborted. */
const STOP_TIMEOUT_MS = 2_000;

const RELAYED_LAST = 100;
/** Nothing tells that nobody is there, so a dial to a node that is away would last as long as this. */
const QUIC_TIMEOUT_MS = 2_000;

/**
 * A host that is created but unreachable until `start`.
 *
 * @throws P2posError CONFIG_INVALID for an address that is none, or a seed that is not the peer id's.
 */
export async function createNet({ identity, clock, log }: NetDeps, config: Libp2pNetConfig): Promise<Net> {
  const limits: NetLimits = { ...DEFAULT_NET_LIMITS, ...config.limits };
  const { admit, isMember = () => true, encryption = ['tls', 'noise'], isRelay = () => false } = config;
  const privateKey = await generateKeyPairFromSeed('Ed25519', identity.seed);
  if (peerIdFromPrivateKey(privateKey).toString() !== identity.peerId) {
    throw new P2posError('CONFIG_INVALID', {
      place: 'identity',
      key: 'seed',
      reason: 'is not the key of the peer id',
    });
  }
  for (const address of [...config.listen, ...(config.announce ?? [])]) checkAddress(address);

  const events = createEmitter<NetEvents>((error) =>
    log.error({ action: 'net_event', error }, 'a listener of the network failed'),
  );
  const table = createConnectionTable({
    connected: (peerId) => events.emit('peer:connected', peerId),
    disconnected: (peerId, peer) => {
      events.emit('peer:disconnected', peerId);
      // The peer store keeps what it heard for hours; strangers would fill it.
      host.peerStore.delete(peer).catch(() => {});
    },
  });
  const gate = createInboundGate({ clock }, limits);
  const handshakes = new WeakMap<object, () => void>();
  const { transports, listen } = await loadTransports(log, config.listen);
  let parts: HostParts | undefined;
  const totals = { direct: { sentBytes: 0, receivedBytes: 0 }, relayed: { sentBytes: 0, receivedBytes: 0 } };
  let carriedBytes = 0;

  const host = await createLibp2p({
    start: false,
    privateKey,
    logger: silentLibp2pLogger,
    nodeInfo: { name: 'p2pos', userAgent: 'p2pos' },
    addresses: { listen, announce: [...(config.announce ?? [])] },
    transports,
    connectionEncrypters: encryption.map((name) => (name === 'tls' ? tls({ clock }) : noise())),
    streamMuxers: [
      yamux({
        maxInboundStreams: limits.maxStreamsPerConnection,
        maxOutboundStreams: limits.maxStreamsPerConnection,
        maxWindowBytes: limits.streamWindowBytes,
      }),
    ],
    // Liveness pings over rpc; a second monitor would close connections on its own judgement.
    connectionMonitor: { enabled: false },
    connectionManager: {
      // Our own gater counts: libp2p would prune connections in use, and refuse the sixth node of one machine.
      maxConnections: Number.MAX_SAFE_INTEGER,
      inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
      maxIncomingPendingConnections: limits.maxHandshakes,
      inboundUpgradeTimeout: limits.handshakeTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: limits.handshakeTimeoutMs,
      addressDialTimeout: limits.handshakeTimeoutMs,
      reconnectRetries: 0,
    },
    connectionGater: {
      denyInboundConnection: (connection) => {
        if (table.size() >= limits.maxConnections) return true;
        const end = gate.enter(String(connection.remoteAddr.getComponents()[0]?.value ?? ''));
        if (!end) return true;
        handshakes.set(connection, end);
        connection.addEventListener('close', end);
        return false;
      },
      denyInboundUpgradedConnection: (peer, connection) => {
        handshakes.get(connection)?.();
        return refuses(peer.toString());
      },
      denyOutboundUpgradedConnection: (peer) => refuses(peer.toString()),
      denyInboundRelayReservation: (source) => !isRelay() || !isMember(source.toString()),
      denyInboundRelayedConnection: (_relay, source) => !isMember(source.toString()),
    },
    services: {
      identify: identify({ runOnConnectionOpen: false }),
      ping: ping(),
      relay: relayServer({
        clock,
        limits,
        mayJoin: (source, target) => isRelay() && isMember(source) && isMember(target),
        connectionsTo: (peerId) => table.of(peerId),
        carried(bytes) {
          carriedBytes += bytes;
        },
      }),
      parts: (components: HostParts) => {
        parts = components;
        return {};
      },
    },
  });

  const nat = createNat({
    clock,
    host,
    parts: parts as unknown as HostParts,
    table,
    relaying: { clients: () => host.services.relay.reservations.size, carriedBytes: () => carriedBytes },
    traffic: () => structuredClone(totals),
    port: config.isBehindRouter ? await chooseOutgoingPort() : undefined,
  });
  host.addEventListener('connection:open', ({ detail }) =>
    table.add(detail, nat.isTrial(detail.remotePeer.toString())),
  );
  host.addEventListener('connection:close', ({ detail }) => table.remove(detail));

  function refuses(peerId: PeerId): boolean {
    if (table.of(peerId).length >= limits.maxConnectionsPerPeer) return true;
    return !isMember(peerId) && table.count((other) => !isMember(other)) >= limits.maxStrangers;
  }

  function accept(stream: Stream, connection: LibConnection, protocol: string, handler: Handler): void {
    const peerId = connection.remotePeer.toString();
    if (!admit(peerId, protocol)) {
      stream.abort(new P2posError('NOT_A_MEMBER', { peerId }));
      return;
    }
    if (stream.status !== 'open') return;
    try {
      handler(createStreamChannel({ clock }, stream, peerId, counted(connection)));
    } catch (error) {
      log.error({ action: 'accept_channel', protocol, error }, 'a handler failed to take a channel');
      stream.abort(error as Error);
    }
  }

  function counted(connection: LibConnection): (sentBytes: number, receivedBytes: number) => void {
    const total = isRelayed(connection) ? totals.relayed : totals.direct;
    return (sentBytes, receivedBytes) => {
      total.sentBytes += sentBytes;
      total.receivedBytes += receivedBytes;
    };
  }

  const dialTimeoutOf = (address: Address) =>
    transportOf(address) === 'quic' ? QUIC_TIMEOUT_MS : limits.handshakeTimeoutMs;

  const limitsOfStreams = {
    maxInboundStreams: limits.maxStreamsPerProtocol,
    maxOutboundStreams: limits.maxStreamsPerProtocol,
  };
  const ownAddresses = () => {
    const announced = config.announce ?? [];
    const listened = parts?.transportManager.getAddrs().map(String) ?? [];
    const all = announced.length > 0 ? announced : [...nat.announced, ...listened];
    return all.map((address) => (address.includes('/p2p/') ? address : `${address}/p2p/${identity.peerId}`));
  };

  return {
    peerId: identity.peerId,
    events,
    nat,
    async start() {
      try {
        await host.start();
      } catch (cause) {
        throw new P2posError(
          'CONFIG_INVALID',
          { place: 'net', key: 'listen', reason: `cannot be had: ${reasonOf(cause)}` },
          { cause },
        );
      }
    },
    addresses: () => [...new Set(host.status === 'started' ? ownAddresses() : [])],
    connections: () => table.all(),
    isConnected: (peerId) => table.of(peerId).length > 0,
    async dial(addresses, { signal }) {
      signal.throwIfAborted();
      if (table.size() >= limits.maxConnections)
        throw new P2posError('OVERLOADED', { what: 'The network of this node' });
      for (const address of addresses) checkAddress(address);
      const named = addresses.map((address) => /\/p2p\/([^/]+)$/.exec(address)?.[1]).find(Boolean);
      // Connections of a host that has not started are not among those that libp2p knows of.
      if (host.status !== 'started')
        throw new P2posError('PEER_UNREACHABLE', {
          peerId: named ?? addresses.join(', '),
          reason: 'this node is starting',
        });
      const held = named === undefined ? undefined : table.best(named);
      if (held && (!isRelayed(held) || addresses.every(isRelayedAddress))) return held.remotePeer.toString();
      try {
        const dial = (some: readonly Address[], until: AbortSignal) =>
          race(
            clock,
            some.toSorted((a, b) => dialRank(a) - dialRank(b)),
            (address, limit) => nat.dialFrom(multiaddr(address), { signal: limit }),
            { signal: until, timeoutMs: dialTimeoutOf },
          );
        // Whoever is also reached through others may not be reached directly at all: nothing is waited for.
        const connection = await (addresses.some(isRelayedAddress)
          ? dial(addresses, signal)
          : dialInOrder({ clock }, addresses, dial, signal));
        return connection.remotePeer.toString();
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        const peerId = named ?? addresses.join(', ');
        throw new P2posError('PEER_UNREACHABLE', { peerId, reason: reasonOf(cause) }, { cause });
      }
    },
    async hangUp(peerId) {
      const reason = new P2posError('PEER_UNREACHABLE', { peerId });
      for (const connection of table.of(peerId)) {
        try {
          connection.abort(reason);
        } catch (error) {
          log.debug({ action: 'hang_up', error }, 'a connection was already closing');
        }
        table.remove(connection);
      }
    },
    async open(peerId, protocol, { signal }) {
      signal.throwIfAborted();
      const connection = table.best(peerId);
      if (!connection) throw new P2posError('PEER_UNREACHABLE', { peerId });
      try {
        const stream = await connection.newStream(protocol, {
          signal,
          maxOutboundStreams: limits.maxStreamsPerProtocol,
        });
        // Refused while it was being opened: its end has been told already.
        if (stream.status !== 'open') throw new Error(`the stream is ${stream.status}`);
        return createStreamChannel({ clock }, stream, peerId, counted(connection));
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if ((cause as Error).name === 'UnsupportedProtocolError') {
          throw new P2posError('METHOD_UNKNOWN', { peerId, method: protocol }, { cause });
        }
        throw new P2posError('PEER_UNREACHABLE', { peerId }, { cause });
      }
    },
    handle(protocol, handler) {
      if (host.getProtocols().includes(protocol)) throw new Error(`${protocol} is already handled`);
      const report = (error: unknown) =>
        log.error({ action: 'handle_protocol', protocol, error }, 'a protocol could not be registered');
      host
        .handle(
          protocol,
          (stream, connection) => accept(stream, connection, protocol, handler),
          limitsOfStreams,
        )
        .catch(report);
      return {
        [Symbol.dispose]() {
          host.unhandle(protocol).catch(report);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const connection of host.getConnections()) connection.abort(new Error('this node is ending'));
      // A handshake that is under way can hold the host for longer than anyone waits for an end.
      const late = Promise.withResolvers<void>();
      using _timer = clock.after(STOP_TIMEOUT_MS, () => late.resolve());
      await Promise.race([host.stop(), late.promise]);
      for (const connection of table.connections()) table.remove(connection);
    },
  };
}

function checkAddress(address: Address) {
  try {
    return multiaddr(address);
  } catch (cause) {
    throw new P2posError(
      'CONFIG_INVALID',
      {
        place: 'address',
        key: String(address).slice(0, 200),
        reason: 'is not a multiaddr such as /ip4/192.0.2.1/tcp/4100',
      },
      { cause },
    );
  }
}

function dialRank(address: Address): number {
  return rank(transportOf(address)) + (isRelayedAddress(address) ? RELAYED_LAST : 0);
}

function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0)
    return cause.errors.map(reasonOf).join('; ');
  return cause instanceof Error ? cause.message : String(cause);
}
