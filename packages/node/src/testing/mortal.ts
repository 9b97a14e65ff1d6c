/** Clients of a process that dies get no answer: not what its remains would say, for nobody could hear it. */
import { P2posError } from '@p2pos/protocol';

export interface Mortality {
  /** The same, but what its calls promise is broken off when it dies. */
  of<T extends object>(service: T): T;
  die(): void;
}

export function createMortality(peerId: string): Mortality {
  const waiting = new Set<(error: Error) => void>();
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
    die() {
      dead = true;
      for (const reject of waiting) reject(lost());
      waiting.clear();
    },
  };
}
