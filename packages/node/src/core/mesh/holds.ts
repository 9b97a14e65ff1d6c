/** Peers that an operator keeps away for a while; they are forgotten with the process. */
import type { Clock } from '../clock/index.ts';
import type { PeerId } from '../net/index.ts';

export interface Holds {
  keep(peerId: PeerId, forMs: number): void;
  lift(peerId: PeerId): void;
  isHeld(peerId: PeerId): boolean;
  /** Those whose time has passed since they were looked at last. */
  ended(): PeerId[];
}

const MAX_HELD = 1_024;

export function createHolds({ clock }: { readonly clock: Pick<Clock, 'monotonic'> }): Holds {
  /** Until when, monotonic, ms. */
  const held = new Map<PeerId, number>();
  return {
    keep(peerId, forMs) {
      held.delete(peerId);
      if (forMs > 0) held.set(peerId, clock.monotonic() + forMs);
      const [oldest] = held.keys();
      if (held.size > MAX_HELD && oldest !== undefined) held.delete(oldest);
    },
    lift: (peerId) => void held.delete(peerId),
    isHeld: (peerId) => (held.get(peerId) ?? 0) > clock.monotonic(),
    ended() {
      const now = clock.monotonic();
      const over = [...held].filter(([, until]) => until <= now).map(([peerId]) => peerId);
      for (const peerId of over) held.delete(peerId);
      return over;
    },
  };
}
