/** Randomness as a dependency: production passes the machine's, the simulator a seeded one. */
import { randomBytes } from 'node:crypto';

export interface Random {
  /** Unpredictable bytes (in production from the operating system). */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  float(): number;
}

/** Asking the operating system costs the same for few bytes as for many. */
const POOL_BYTES = 4_096;

export function createSystemRandom(): Random {
  let pool = new Uint8Array(0);
  let at = 0;

  function take(length: number): Uint8Array {
    if (at + length > pool.length) {
      pool = new Uint8Array(randomBytes(POOL_BYTES));
      at = 0;
    }
    const bytes = pool.slice(at, at + length);
    // What was given out is nobody else's to read later.
    pool.fill(0, at, at + length);
    at += length;
    return bytes;
  }

  return {
    bytes: (length) => (length <= POOL_BYTES / 16 ? take(length) : new Uint8Array(randomBytes(length))),
    float() {
      const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = take(6);
      return (((a * 256 + b) * 256 + c) * 16_777_216 + ((d << 16) | (e << 8) | f)) / 2 ** 48;
    },
  };
}

/** `value` spread evenly over ± `share` of itself. */
export function jitter(random: Random, value: number, share = 0.2): number {
  return value * (1 + share * (2 * random.float() - 1));
}

/** A copy in random order (Fisher–Yates). */
export function shuffle<T>(random: Random, items: Iterable<T>): T[] {
  return [...drawn(random, items)];
}

/** All in random order, one at a time: who wants few of many stops. */
export function* drawn<T>(random: Random, items: Iterable<T>): Generator<T, void> {
  const left = [...items];
  for (let last = left.length - 1; last >= 0; last--) {
    const at = Math.floor(random.float() * (last + 1));
    yield left[at] as T;
    left[at] = left[last] as T;
  }
}
