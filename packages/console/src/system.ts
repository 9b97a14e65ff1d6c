/** What the page knows of the system, newest observation of each node, as the node that serves it sees them. */
import type { PeerStatus } from '@p2pos/protocol';

export type Look = 'healthy' | 'degraded' | 'unconfigured' | 'offline';

export interface NodeView {
  readonly peerId: string;
  readonly name: string;
  readonly look: Look;
  readonly self: boolean;
  readonly roundTripMs: number | null;
  readonly storedBytes: number | undefined;
  /** In a development system: whether its process runs. Undefined elsewhere. */
  readonly running: boolean | undefined;
}

export const LOOK_TEXT: Record<Look, string> = {
  healthy: 'healthy',
  degraded: 'degraded',
  unconfigured: 'not a member',
  offline: 'not answering',
};

/** Members by name; a peer without a live connection is not answering, whatever it last said of itself. */
export function nodeViews(peers: readonly PeerStatus[], running: ReadonlyMap<string, boolean>): NodeView[] {
  return peers
    .filter((peer) => peer.member || peer.self)
    .map((peer) => ({
      peerId: peer.peerId,
      name: peer.name ?? `${peer.peerId.slice(-6)}`,
      look: lookOf(peer),
      self: peer.self,
      roundTripMs: peer.roundTripMs,
      storedBytes: peer.disk?.usedBytes,
      running: running.get(peer.peerId),
    }))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

function lookOf(peer: PeerStatus): Look {
  if (!peer.self && !peer.connected) return 'offline';
  return peer.state ?? 'degraded';
}

/** A node's own words when all nodes that were seen are silent: nothing is known any more. */
export function silent(views: readonly NodeView[]): NodeView[] {
  return views.map((view) => (view.self ? { ...view, look: 'offline', roundTripMs: null } : view));
}
