/** The open connections by peer. Two simultaneous dials leave two: both stay, the better one carries new channels. */
import type { Connection as LibConnection, PeerId as LibPeerId } from '@libp2p/interface';
import type { Connection, PeerId } from './index.ts';
import { rank, transportOf } from './transports.ts';

export interface ConnectionTable {
  add(connection: LibConnection): void;
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
  let size = 0;

  return {
    add(connection) {
      if (connection.status !== 'open') return;
      const peerId = connection.remotePeer.toString();
      const held = byPeer.get(peerId);
      size++;
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
      for (const connection of byPeer.get(peerId) ?? []) {
        if (connection.status !== 'open') continue;
        if (!best || quality(connection) <= quality(best)) best = connection;
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

function quality(connection: LibConnection): number {
  return rank(transportOf(connection.remoteAddr.toString()), connection.encryption);
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
    encryption: transport === 'quic' ? 'tls' : encryption.replace(/^\/([a-z]+).*$/, '$1'),
  };
}
