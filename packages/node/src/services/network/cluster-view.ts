/** One view of all members out of many (P11): for each member the newest observation counts, whoever made it. */
import type { PeerStatus } from '@p2pos/protocol';
import type { PeerId } from '../../core/net/index.ts';

/** What one member saw. Its word alone: nothing is decided by it, and each entry names who it comes from. */
export interface View {
  readonly observer: PeerId;
  readonly peers: readonly PeerStatus[];
}

const BEST_FIRST = ['online', 'suspect', 'offline'] as const;

/** Of `own` every peer, in its order; others say nothing of peers that it does not hold, nor of this node itself. */
export function mergeViews(own: readonly PeerStatus[], others: readonly View[]): PeerStatus[] {
  const said = new Map<PeerId, { readonly observer: PeerId; readonly peer: PeerStatus }[]>();
  for (const { observer, peers } of others) {
    for (const peer of peers) said.set(peer.peerId, [...(said.get(peer.peerId) ?? []), { observer, peer }]);
  }
  return own.map((peer) => {
    if (peer.self) return peer;
    let merged = peer;
    for (const { observer, peer: other } of said.get(peer.peerId) ?? []) {
      merged = observer === peer.peerId ? ownWord(merged, other) : newest(merged, other, observer);
    }
    return merged;
  });
}

/** What a peer that answered just now says of itself is newer than what anybody heard. */
function ownWord(known: PeerStatus, said: PeerStatus): PeerStatus {
  return {
    ...known,
    ...contentOf(said),
    heardAt: known.heardAt,
    reachability: 'online',
    seenMsAgo: 0,
    observer: known.peerId,
  };
}

function newest(known: PeerStatus, said: PeerStatus, observer: PeerId): PeerStatus {
  const byItself = known.observer === known.peerId;
  const content = !byItself && isNewer(said, known) ? { ...contentOf(said), heardAt: said.heardAt } : {};
  const sooner = (said.seenMsAgo ?? Number.POSITIVE_INFINITY) < (known.seenMsAgo ?? Number.POSITIVE_INFINITY);
  return {
    ...known,
    ...content,
    reachability:
      BEST_FIRST.find((one) => one === known.reachability || one === said.reachability) ?? 'offline',
    ...(sooner && said.seenMsAgo !== undefined && { seenMsAgo: said.seenMsAgo, observer }),
  };
}

function isNewer(a: PeerStatus, b: PeerStatus): boolean {
  const order = (a.incarnation ?? 0) - (b.incarnation ?? 0) || (a.seq ?? 0) - (b.seq ?? 0);
  return order > 0;
}

/** What a heartbeat carries; links and round trips stay those of the answering node. */
function contentOf({ state, version, epoch, load, disk, addresses, incarnation, seq }: PeerStatus) {
  return {
    state,
    addresses,
    ...(version !== undefined && { version }),
    ...(epoch !== undefined && { epoch }),
    ...(load !== undefined && { load }),
    ...(disk !== undefined && { disk }),
    ...(incarnation !== undefined && { incarnation }),
    ...(seq !== undefined && { seq }),
  };
}
