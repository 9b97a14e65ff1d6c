/** Randomness as a dependency: production passes the machine's, the simulator a seeded one. */
import { randomBytes } from 'node:crypto';

export interface Random {
  /** Unpredictable bytes (in production from the operating system). */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  float(): number;
}

export function createSystemRandom(): Random {
  return {
    bytes: (length) => new Uint8Array(randomBytes(length)),
    float: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  };
}

/** `value` spread evenly over ± `share` of itself. */
export function jitter(random: Random, value: number, share = 0.2): number {
  return value * (1 + share * (2 * random.float() - 1));
}

/** A copy in random order (Fisher–Yates). */
export function shuffle<T>(random: Random, items: Iterable<T>): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random.float() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}
