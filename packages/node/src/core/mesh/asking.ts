/** Exchanges with members, a few at a time and each with one member at a time. */
import type { Logger } from '../log/index.ts';
import type { PeerId } from '../net/index.ts';
import type { TaskGroup } from '../tasks/index.ts';
import type { PeerExchange } from './peer-exchange.ts';

export interface Asking {
  /** At once, or when one of those under way has ended. */
  ask(peerId: PeerId): void;
  /** No more once its turn comes. */
  forget(peerId: PeerId): void;
}

const MAX_AT_ONCE = 8;

export function createAsking(deps: {
  readonly exchange: Pick<PeerExchange, 'with'>;
  /** Whether this node may ask that one. */
  readonly mayAsk: (peerId: PeerId) => boolean;
  readonly tasks: TaskGroup;
  readonly log: Logger;
}): Asking {
  const { exchange, mayAsk, tasks, log } = deps;
  const underWay = new Set<PeerId>();
  const waiting = new Set<PeerId>();

  function ask(peerId: PeerId): void {
    if (!mayAsk(peerId) || underWay.has(peerId) || tasks.signal.aborted) return;
    if (underWay.size >= MAX_AT_ONCE) {
      waiting.add(peerId);
      return;
    }
    underWay.add(peerId);
    tasks.run('peer_exchange', async (signal) => {
      try {
        await exchange.with(peerId, signal);
      } catch (error) {
        log.debug({ action: 'peer_exchange', peer: peerId, error }, 'peer exchange failed');
      } finally {
        underWay.delete(peerId);
        const [next] = waiting;
        if (next !== undefined && waiting.delete(next)) ask(next);
      }
    });
  }

  return { ask, forget: (peerId) => void waiting.delete(peerId) };
}
