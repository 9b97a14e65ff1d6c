/**
 * What ends with a process that is killed. Its clients get no answer, not even what its remains would say, for nobody could
 * hear it; and its timers never fall due, or its remains would go on for ever.
 */
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../core/clock/index.ts';

export interface Mortality {
  /** The same, but what its calls promise is broken off when it dies. */
  of<T extends object>(service: T): T;
  /** The same, but nothing falls due once it is dead. */
  clock(clock: Clock): Clock;
  die(): void;
}

export function createMortality(peerId: string): Mortality {
  const waiting = new Set<(error: Error) => void>();
  const timers = new Set<Disposable>();
  let dead = false;
  const lost = () => new P2posError('PEER_UNREACHABLE', { peerId });

  function whileAlive<T>(work: Promise<T>): Promise<T> {
    if (dead) {
      work.catch(() => {});
      return Promise.reject(lost());
    }
    return new Promise((resolve, reject) => {
      waiting.add(reject);
      const settled = () => waiting.delete(reject);
      work.then(
        (result) => settled() && resolve(result),
        (error) => settled() && reject(error),
      );
    });
  }

  return {
    of: (service) =>
      new Proxy(service, {
        get(target, name) {
          const member = Reflect.get(target, name);
          if (typeof member !== 'function') return member;
          return (...words: unknown[]) => {
            const answer = Reflect.apply(member, target, words);
            return answer instanceof Promise ? whileAlive(answer) : answer;
          };
        },
      }),
    clock: (clock) => ({
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after(delayMs, run) {
        if (dead) return { [Symbol.dispose]() {} };
        const inner = clock.after(delayMs, () => {
          timers.delete(timer);
          run();
        });
        const timer = {
          [Symbol.dispose]() {
            timers.delete(timer);
            inner[Symbol.dispose]();
          },
        };
        timers.add(timer);
        return timer;
      },
    }),
    die() {
      dead = true;
      for (const timer of timers) timer[Symbol.dispose]();
      for (const reject of waiting) reject(lost());
      waiting.clear();
    },
  };
}
