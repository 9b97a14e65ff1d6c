/** The open connections by peer. Two simultaneous dials leave two: both stay, the better one carries new channels. */
import type { Connection as LibConnection, PeerId as LibPeerId } from '@libp2p/interface';
import type { PeerId } from '@p2pos/protocol/rpc';
import type { Connection } from './port.ts';
import { isRelayedAddress, rank, transportOf } from './transports.ts';

export interface ConnectionTable {
  /** `trial`: carries channels only where there is no other. */
  add(connection: LibConnection, trial?: boolean): void;
  remove(connection: LibConnection): void;
  of(peerId: PeerId): readonly LibConnection[];
  /** By transport and encryption; among equals the newest, because an older one may be half-open. */
  best(peerId: PeerId): LibConnection | undefined;
  size(): number;
  /** Connections of peers that match. */
  count(matches: (peerId: PeerId) => boolean): number;
  connections(): LibConnection[];
  all(): Connection[];
}

export function createConnectionTable(on: {
  connected(peerId: PeerId): void;
  disconnected(peerId: PeerId, peer: LibPeerId): void;
}): ConnectionTable {
  const byPeer = new Map<PeerId, LibConnection[]>();
  const trials = new WeakSet<LibConnection>();
  let size = 0;

  return {
    add(connection, trial = false) {
      if (connection.status !== 'open') return;
      const peerId = connection.remotePeer.toString();
      const held = byPeer.get(peerId);
      size++;
      if (trial) trials.add(connection);
      if (held) held.push(connection);
      else {
        byPeer.set(peerId, [connection]);
        on.connected(peerId);
      }
    },
    remove(connection) {
      const peerId = connection.remotePeer.toString();
      const held = byPeer.get(peerId);
      const index = held?.indexOf(connection) ?? -1;
      if (!held || index < 0) return;
      held.splice(index, 1);
      size--;
      if (held.length > 0) return;
      byPeer.delete(peerId);
      on.disconnected(peerId, connection.remotePeer);
    },
    of: (peerId) => [...(byPeer.get(peerId) ?? [])],
    best(peerId) {
      let best: LibConnection | undefined;
      let least = Number.POSITIVE_INFINITY;
      for (const connection of byPeer.get(peerId) ?? []) {
        if (connection.status !== 'open') continue;
        const badness = quality(connection) + (trials.has(connection) ? TRIAL : 0);
        if (best && badness > least) continue;
        best = connection;
        least = badness;
      }
      return best;
    },
    size: () => size,
    count(matches) {
      let count = 0;
      for (const [peerId, held] of byPeer) if (matches(peerId)) count += held.length;
      return count;
    },
    connections: () => [...byPeer.values()].flat(),
    all: () => [...byPeer.values()].flat().map(describe),
  };
}

const RELAYED = 10;
const TRIAL = 100;

function quality(connection: LibConnection): number {
  const address = connection.remoteAddr.toString();
  return rank(transportOf(address), connection.encryption) + (isRelayedAddress(address) ? RELAYED : 0);
}

function describe(connection: LibConnection): Connection {
  const remoteAddress = connection.remoteAddr.toString();
  const transport = transportOf(remoteAddress);
  const encryption = connection.encryption ?? '';
  return {
    peerId: connection.remotePeer.toString(),
    remoteAddress,
    direction: connection.direction,
    transport,
    encryption:
      transport === 'quic' && encryption === 'native' ? 'tls' : encryption.replace(/^\/([a-z]+).*$/, '$1'),
    ...(isRelayedAddress(remoteAddress) && { relayed: true }),
  };
}
