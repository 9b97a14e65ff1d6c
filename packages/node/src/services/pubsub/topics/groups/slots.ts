/**
 * How many calls that wait go on at once with each member, so that they leave room for all others: of one app, and of all.
 */
import type { PeerId } from '../../../../core/net/index.ts';

export interface Slots {
  /** Until it is disposed of. Undefined: all are taken. */
  tryEnter(peerId: PeerId, app: string): Disposable | undefined;
  /** In the order in which they asked, where there is room for them. Rejects when the signal aborts. */
  enter(peerId: PeerId, app: string, signal: AbortSignal): Promise<Disposable>;
}

export interface SlotsConfig {
  readonly ofOneApp: number;
  readonly inAll: number;
}

interface Waiting {
  readonly peerId: PeerId;
  readonly app: string;
  resolve(slot: Disposable): void;
}

export function createSlots({ ofOneApp, inAll }: SlotsConfig): Slots {
  const taken = new Map<string, number>();
  const waiting = new Set<Waiting>();

  function add(key: string, by: number): void {
    const count = (taken.get(key) ?? 0) + by;
    if (count === 0) taken.delete(key);
    else taken.set(key, count);
  }

  function tryEnter(peerId: PeerId, app: string): Disposable | undefined {
    const own = `${peerId}/${app}`;
    if ((taken.get(peerId) ?? 0) >= inAll || (taken.get(own) ?? 0) >= ofOneApp) return undefined;
    let by = 1;
    const count = () => {
      add(peerId, by);
      add(own, by);
    };
    count();
    return {
      [Symbol.dispose]() {
        if (by < 0) return;
        by = -1;
        count();
        next();
      },
    };
  }

  /** One has left, so at most one may enter. */
  function next(): void {
    for (const one of waiting) {
      const slot = tryEnter(one.peerId, one.app);
      if (!slot) continue;
      waiting.delete(one);
      one.resolve(slot);
      return;
    }
  }

  return {
    tryEnter,
    enter(peerId, app, signal) {
      const slot = tryEnter(peerId, app);
      if (slot) return Promise.resolve(slot);
      return new Promise((resolve, reject) => {
        const stop = () => {
          waiting.delete(one);
          reject(signal.reason);
        };
        const one: Waiting = {
          peerId,
          app,
          resolve(entered) {
            signal.removeEventListener('abort', stop);
            resolve(entered);
          },
        };
        if (signal.aborted) return reject(signal.reason);
        signal.addEventListener('abort', stop, { once: true });
        waiting.add(one);
      });
    },
  };
}
