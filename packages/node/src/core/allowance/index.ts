/**
 * How much each peer may hand in: a token bucket per peer. For members only, so that their number bounds the memory;
 * whoever keeps one calls `retain` when the membership changes.
 *
 * @example
 * const pushes = createAllowance(clock, { burst: () => 10, perSecond: () => 1 });
 * if (!pushes.take(peerId, 1)) throw new P2posError('OVERLOADED', { what: 'Presence of this node' });
 */
import type { Clock } from '../clock/index.ts';
import type { PeerId } from '../net/index.ts';

export interface Allowance {
  /** Takes `cost` of what the peer has left; false: nothing was taken, it asks for too much. */
  take(peerId: PeerId, cost: number): boolean;
  /** What the peer may still take now. */
  left(peerId: PeerId): number;
  /** Forgets all peers but those that `keep` names. */
  retain(keep: (peerId: PeerId) => boolean): void;
}

export interface AllowanceConfig {
  /** At once. May grow with the system, so it is asked each time. */
  readonly burst: () => number;
  readonly perSecond: () => number;
}

export function createAllowance(
  clock: Pick<Clock, 'monotonic'>,
  { burst, perSecond }: AllowanceConfig,
): Allowance {
  const buckets = new Map<PeerId, { left: number; at: number }>();

  function refill(peerId: PeerId) {
    const now = clock.monotonic();
    const most = burst();
    let bucket = buckets.get(peerId);
    if (!bucket) {
      bucket = { left: most, at: now };
      buckets.set(peerId, bucket);
      return bucket;
    }
    bucket.left = Math.min(most, bucket.left + ((now - bucket.at) / 1_000) * perSecond());
    bucket.at = now;
    return bucket;
  }

  return {
    take(peerId, cost) {
      const bucket = refill(peerId);
      if (bucket.left < cost) return false;
      bucket.left -= cost;
      return true;
    },
    left: (peerId) => refill(peerId).left,
    retain(keep) {
      for (const peerId of buckets.keys()) if (!keep(peerId)) buckets.delete(peerId);
    },
  };
}
