/** Numbers that this node gives: the next of each topic, and what each member was sent of it before. Bounded. */
import type { PeerId } from '../../../core/net/index.ts';

export interface Numbers {
  next(name: string): number;
  /** What was sent to the member of this topic before `seq`; 0: nothing. */
  follow(peerId: PeerId, name: string, seq: number): number;
  forget(peerId: PeerId): void;
}

/** @param maxTopics The longest silent go first. */
export function createNumbers(maxTopics: number): Numbers {
  const numbers = new Map<string, number>();
  const sent = new Map<PeerId, Map<string, number>>();
  let forgotten = 0;

  return {
    next(name) {
      const seq = (numbers.get(name) ?? forgotten) + 1;
      numbers.delete(name);
      numbers.set(name, seq);
      if (numbers.size > maxTopics) {
        const [[oldest, last]] = numbers as unknown as [[string, number]];
        numbers.delete(oldest);
        // A number that is given again would be taken for a copy.
        forgotten = Math.max(forgotten, last);
      }
      return seq;
    },
    follow(peerId, name, seq) {
      let topics = sent.get(peerId);
      if (!topics) {
        topics = new Map();
        sent.set(peerId, topics);
      }
      const previous = topics.get(name) ?? 0;
      topics.delete(name);
      topics.set(name, seq);
      if (topics.size > maxTopics) topics.delete(topics.keys().next().value as string);
      return previous;
    },
    forget: (peerId) => void sent.delete(peerId),
  };
}
