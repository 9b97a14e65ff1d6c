/** Bytes a second of each peer, whatever streams they come by: who is over waits until it is even again. */

import type { PeerId } from '@p2pos/protocol/rpc';
import type { Clock } from '../clock/index.ts';

export interface Throttle {
  of(peerId: PeerId): {
    /** Counts the bytes; how long what follows has to wait, ms. */
    waitMs(bytes: number): number;
  };
}

/** So much may be ahead of the rate, so that what is short never waits. */
const AHEAD_MS = 250;
/** Peers that have been even for long are forgotten beyond this number. */
const MAX_KEPT = 1_024;

/** @param config.bytesPerSecond 0: as many as they like */
export function createThrottle(
  { clock }: { readonly clock: Pick<Clock, 'monotonic'> },
  { bytesPerSecond }: { readonly bytesPerSecond: number },
): Throttle {
  /** When what was let through would be through at the rate, monotonic ms. */
  const evenAt = new Map<PeerId, number>();

  return {
    of: (peerId) => ({
      waitMs(bytes) {
        if (bytesPerSecond === 0) return 0;
        const now = clock.monotonic();
        const at = Math.max(now, evenAt.get(peerId) ?? now) + (bytes / bytesPerSecond) * 1_000;
        evenAt.delete(peerId);
        evenAt.set(peerId, at);
        if (evenAt.size > MAX_KEPT)
          for (const [other, until] of evenAt) if (until < now) evenAt.delete(other);
        return Math.max(0, at - now - AHEAD_MS);
      },
    }),
  };
}
