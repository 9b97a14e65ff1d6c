/** Asks all replicas of a register at once, until a majority of every needed set has said yes or cannot any more. */
import type { PeerId } from '../../net/index.ts';
import { type PeerSet, reaches, unionOf } from '../placement/quorum.ts';

export interface Poll<T> {
  readonly reached: boolean;
  /** Of those that answered in time. */
  readonly answers: ReadonlyMap<PeerId, T>;
  readonly failures: readonly unknown[];
}

export function poll<T>(
  sets: readonly PeerSet[],
  ask: (peerId: PeerId) => Promise<T>,
  isYes: (answer: T) => boolean,
  signal: AbortSignal,
): Promise<Poll<T>> {
  const peers = unionOf(sets);
  const answers = new Map<PeerId, T>();
  const failures: unknown[] = [];
  const no = new Set<PeerId>();
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    const finish = (reached: boolean) => {
      signal.removeEventListener('abort', stop);
      resolve({ reached, answers: new Map(answers), failures: [...failures] });
    };
    const look = () => {
      if (reaches(sets, (peerId) => answers.has(peerId) && !no.has(peerId))) finish(true);
      else if (!reaches(sets, (peerId) => !no.has(peerId))) finish(false);
    };
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    for (const peerId of peers) {
      ask(peerId).then(
        (answer) => {
          answers.set(peerId, answer);
          if (!isYes(answer)) no.add(peerId);
          look();
        },
        (error) => {
          failures.push(error);
          no.add(peerId);
          look();
        },
      );
    }
  });
}
