/**
 * Strangers that break the protocol or ask for far more than their share are not heard for a while (T26): by the key that they
 * proved and by the network that they come from. Members are judged by those who hand out what they ask for.
 */
import type { Clock } from './core/clock/index.ts';
import { createReputation, networkGroupOf } from './core/dht/index.ts';
import type { Logger } from './core/log/index.ts';
import type { Net, PeerId } from './core/net/index.ts';
import type { Misconduct } from './core/rpc/index.ts';

export interface StrangersDeps {
  readonly net: Pick<Net, 'connections' | 'events' | 'hangUp'>;
  readonly isMember: (peerId: PeerId) => boolean;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Logger;
}

export interface Strangers extends Disposable {
  /** False while it is banned. */
  hears(peerId: PeerId): boolean;
  /** Told by the rpc of each fault and each call that was too much. */
  note(peerId: PeerId, what: Misconduct): void;
}

/** A hundred is a ban, of ten minutes at first: three faults, or half a second of ten thousand calls. */
const POINTS: Readonly<Record<Misconduct, number>> = { fault: 34, overload: 0.02 };

export function createStrangers({ net, isMember, clock, log }: StrangersDeps): Strangers {
  const reputation = createReputation({ clock });
  const networkOf = (peerId: PeerId) => {
    const connection = net.connections().find((one) => one.peerId === peerId);
    return connection && networkGroupOf(connection.remoteAddress);
  };
  const hears = (peerId: PeerId) => isMember(peerId) || reputation.bannedMs(peerId, networkOf(peerId)) === 0;
  const hangUp = (peerId: PeerId) =>
    void net
      .hangUp(peerId)
      .catch((error) => log.warn({ action: 'hang_up', peer: peerId, error }, 'hanging up failed'));
  const subscription = net.events.on('peer:connected', (peerId) => {
    if (!hears(peerId)) hangUp(peerId);
  });
  return {
    hears,
    note(peerId, what) {
      if (isMember(peerId) || !reputation.blame(peerId, networkOf(peerId), POINTS[what])) return;
      log.warn({ action: 'ban', peer: peerId, reason: what }, 'a stranger is not heard for a while');
      hangUp(peerId);
    },
    [Symbol.dispose]: () => subscription[Symbol.dispose](),
  };
}
