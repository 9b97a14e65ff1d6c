/** What a node behind a router needs of its host: relays, what others see of it, and dialling from one port. */
import { createServer } from 'node:net';
import type { Connection as LibConnection, PeerId as LibPeerId, Libp2p } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { P2posError } from '@p2pos/protocol';
import type { Channel, PeerId } from '@p2pos/protocol/rpc';
import { createStreamChannel } from '@p2pos/protocol/rpc';
import type { Clock } from '../clock/index.ts';
import type { ConnectionTable } from './connection-table.ts';
import type { Address, Nat, Traffic } from './port.ts';
import { isRelayed } from './relay-server.ts';
import { transportOf } from './transports.ts';

/** The far end says where it sees this one, in one message. */
const OBSERVE = '/p2pos/observe/1.0.0';
const MAX_ADDRESS_BYTES = 256;
const utf8 = { in: new TextDecoder(), out: new TextEncoder() };

/** The parts of the host that stand behind its face. */
export interface HostParts {
  readonly transportManager: {
    getAddrs(): readonly { toString(): string }[];
    getTransports(): readonly object[];
    dial(address: Multiaddr, options: object): Promise<LibConnection>;
  };
}

interface Reservations {
  addRelay(peer: LibPeerId, type: 'configured'): Promise<unknown>;
  hasReservation(peer: LibPeerId): boolean;
}

export interface NatDeps {
  readonly clock: Clock;
  readonly host: Libp2p;
  readonly parts: HostParts;
  readonly table: ConnectionTable;
  readonly relaying: { readonly clients: () => number; readonly carriedBytes: () => number };
  readonly traffic: () => Traffic;
  /** From which all tcp connections leave; undefined: each from its own port. */
  readonly port: number | undefined;
}

export interface NatControl extends Nat {
  readonly announced: readonly Address[];
  /** A connection with this peer that opens now is only tried out. */
  isTrial(peerId: PeerId): boolean;
  dialFrom(address: Multiaddr, options: { readonly signal: AbortSignal }): Promise<LibConnection>;
}

export function createNat({ clock, host, parts, table, relaying, traffic, port }: NatDeps): NatControl {
  const { transportManager } = parts;
  const asked = new Set<PeerId>();
  const trials = new Map<PeerId, number>();
  const fromPort = new WeakSet<LibConnection>();
  let announced: readonly Address[] = [];

  host
    .handle(
      OBSERVE,
      (stream, { remoteAddr, remotePeer }) => {
        const channel = createStreamChannel({ clock }, stream, remotePeer.toString());
        channel.receive(
          () => {},
          () => {},
        );
        channel.send(utf8.out.encode(remoteAddr.toString()));
        channel.close();
      },
      { maxInboundStreams: 4, maxOutboundStreams: 4 },
    )
    .catch(() => {});

  function reservations(): Reservations | undefined {
    const isCircuit = (one: object) => 'reservationStore' in one;
    const transport = transportManager.getTransports().find(isCircuit) as
      | { readonly reservationStore: Reservations }
      | undefined;
    return transport?.reservationStore;
  }
  const holds = (peerId: PeerId) => reservations()?.hasReservation(peerIdFromString(peerId)) === true;

  function tryOut(peerId: PeerId): Disposable {
    trials.set(peerId, (trials.get(peerId) ?? 0) + 1);
    return {
      [Symbol.dispose]() {
        const left = (trials.get(peerId) ?? 1) - 1;
        if (left > 0) trials.set(peerId, left);
        else trials.delete(peerId);
      },
    };
  }

  async function dialFrom(
    address: Multiaddr,
    options: { readonly signal: AbortSignal; readonly initiator?: boolean },
    needsPort = false,
  ): Promise<LibConnection> {
    if (port === undefined || transportOf(address.toString()) !== 'tcp')
      return transportManager.dial(address, options);
    try {
      const connection = await transportManager.dial(address, { ...options, localPort: port });
      fromPort.add(connection);
      return connection;
    } catch (error) {
      // There is such a connection already, or one that has just ended: another port will do.
      if (needsPort || !/EADDRINUSE|EADDRNOTAVAIL/.test(String(error))) throw error;
      return await transportManager.dial(address, options);
    }
  }

  return {
    get announced() {
      return announced;
    },
    isTrial: (peerId) => trials.has(peerId),
    dialFrom,
    traffic,
    relayedFor: relaying.clients,
    carriedBytes: relaying.carriedBytes,
    relays: () => [...asked].filter(holds),
    announce(addresses) {
      announced = [...addresses];
    },
    expectTrial: tryOut,
    async reserve(peerId, { signal }) {
      signal.throwIfAborted();
      try {
        await reservations()?.addRelay(peerIdFromString(peerId), 'configured');
        asked.add(peerId);
        for (const one of asked) if (!holds(one)) asked.delete(one);
      } catch (cause) {
        throw new P2posError('PEER_UNREACHABLE', { peerId, reason: String(cause) }, { cause });
      }
    },
    async observed(peerId, { signal }) {
      const isUsable = (one: LibConnection) =>
        one.status === 'open' && (port === undefined ? isTcp(one) : fromPort.has(one));
      const direct = table.of(peerId).find((one) => one.direction === 'outbound' && isUsable(one));
      if (!direct) throw new P2posError('PEER_UNREACHABLE', { peerId });
      const stream = await direct.newStream(OBSERVE, { signal });
      const seen = await readAll(createStreamChannel({ clock }, stream, peerId), signal);
      return multiaddr(seen).toString();
    },
    async isReachedAt(address, { signal }) {
      const target = multiaddr(address);
      const peerId = /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? '';
      using _trial = tryOut(peerId);
      try {
        // From a port of its own: from a known one a router would let the answer in that it lets nobody else in.
        const connection = await transportManager.dial(target, { signal });
        connection.abort(new Error('only tried out'));
        return true;
      } catch {
        return false;
      }
    },
    dropRelayed(peerId) {
      for (const one of table.of(peerId))
        if (isRelayed(one)) one.abort(new Error('there is a direct connection'));
    },
    async punch(address, { asServer, signal }) {
      await dialFrom(multiaddr(address), { signal, initiator: !asServer }, true);
    },
  };

  function isTcp({ remoteAddr }: LibConnection): boolean {
    return !isRelayed({ remoteAddr }) && transportOf(remoteAddr.toString()) === 'tcp';
  }
}

/** What comes until the end of the channel. */
function readAll(channel: Channel, signal: AbortSignal): Promise<Address> {
  const { promise, resolve, reject } = Promise.withResolvers<Address>();
  let text = '';
  const stop = () => channel.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  channel.receive(
    (chunk) => {
      text += utf8.in.decode(chunk);
      if (text.length > MAX_ADDRESS_BYTES) channel.abort(new Error('the address is too long'));
    },
    (error) => {
      if (error) reject(error);
      else resolve(text);
    },
  );
  return promise.finally(() => {
    signal.removeEventListener('abort', stop);
    channel.close();
  });
}

/** One that is free now, for connections that leave. */
export function chooseOutgoingPort(): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen({ port: 0, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}
