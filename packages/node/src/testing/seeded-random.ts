/** Randomness that repeats: the same seed gives the same sequence on every machine (sfc32 over a SHA-256 of the seed). */
import { createHash } from 'node:crypto';
import type { Random } from '../core/random/index.ts';

export interface SeededRandom extends Random {
  /** An independent sequence of its own; drawing from one does not move the other. */
  fork(name: string): SeededRandom;
  /** Uniform integer in [0, bound). */
  below(bound: number): number;
  pick<T>(items: readonly T[]): T;
  chance(probability: number): boolean;
}

export function createSeededRandom(seed: string | number): SeededRandom {
  const digest = createHash('sha256').update(`p2pos ${seed}`).digest();
  let [a, b, c, counter] = [0, 4, 8, 12].map((offset) => digest.readUInt32LE(offset)) as [
    number,
    number,
    number,
    number,
  ];

  function next(): number {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  }

  const random: SeededRandom = {
    float: () => (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53,
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) bytes[i] = next() >>> 24;
      return bytes;
    },
    fork: (name) => createSeededRandom(`${seed}/${name}`),
    below: (bound) => Math.floor(random.float() * bound),
    pick: (items) => {
      if (items.length === 0) throw new RangeError('nothing to pick from');
      return items[random.below(items.length)] as (typeof items)[number];
    },
    chance: (probability) => random.float() < probability,
  };
  return random;
}
