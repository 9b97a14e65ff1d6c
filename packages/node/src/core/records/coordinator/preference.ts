/** Whom to ask first: this node, then who answers pings, the nearest first; who fell silent comes last. */
import type { Liveness } from '../../liveness/index.ts';
import type { PeerId } from '../../net/index.ts';

export interface Preference {
  order(peers: readonly PeerId[]): PeerId[];
  /** It answered pings once and does no longer: asking it would most likely only cost its timeout. */
  isSilent(peerId: PeerId): boolean;
  /** How long to wait for these before asking others too (Dean and Barroso 2013: hedged requests). */
  hedgeMs(peers: readonly PeerId[]): number;
}

const UNKNOWN_MS = 1_000;
const SILENT_MS = 100_000;
const LEAST_HEDGE_MS = 20;
const GREATEST_HEDGE_MS = 250;

export function createPreference({
  self,
  liveness,
}: {
  readonly self: PeerId;
  readonly liveness: Pick<Liveness, 'isAlive' | 'pulse'>;
}): Preference {
  const isSilent = (peerId: PeerId) =>
    peerId !== self && liveness.pulse(peerId) !== undefined && !liveness.isAlive(peerId);

  function distance(peerId: PeerId): number {
    if (peerId === self) return -1;
    if (isSilent(peerId)) return SILENT_MS;
    return liveness.pulse(peerId)?.roundTripMs ?? UNKNOWN_MS;
  }

  return {
    isSilent,
    order: (peers) =>
      peers
        .map((peerId) => ({ peerId, distance: distance(peerId) }))
        .sort((a, b) => a.distance - b.distance)
        .map(({ peerId }) => peerId),
    hedgeMs(peers) {
      const slowest = Math.max(0, ...peers.map((peerId) => liveness.pulse(peerId)?.p95Ms ?? 0));
      return Math.min(GREATEST_HEDGE_MS, Math.max(LEAST_HEDGE_MS, 2 * slowest));
    },
  };
}
