/** A sorted set of items, read by index: times and ids in two flat arrays, 40 bytes an item. */

import { type Crypto, compareBytes } from '@p2pos/protocol';
import { type Bound, encodeVarint, ID_BYTES } from './format.ts';

export const FINGERPRINT_BYTES = 16;

export interface Item {
  /** Whole, at least 0, safe. */
  readonly time: number;
  readonly id: Uint8Array;
}

export interface Items {
  readonly size: number;
  time(index: number): number;
  /** A view. */
  id(index: number): Uint8Array;
  /** The first index from `from` on whose item is not below the bound. */
  lowerBound(from: number, bound: Bound): number;
  fingerprint(from: number, to: number): Uint8Array;
}

export function createItems(crypto: Pick<Crypto, 'sha256'>, list: readonly Item[]): Items {
  const sorted = list.toSorted((a, b) => a.time - b.time || compareBytes(a.id, b.id));
  const size = sorted.length;
  const times = Float64Array.from(sorted, ({ time }) => time);
  const ids = new Uint8Array(size * ID_BYTES);
  for (const [i, { id }] of sorted.entries()) ids.set(id, i * ID_BYTES);
  const words = new DataView(ids.buffer);
  const id = (index: number) => ids.subarray(index * ID_BYTES, (index + 1) * ID_BYTES);

  function isBelow(index: number, { time, prefix }: Bound): boolean {
    const own = times[index] as number;
    if (own !== time) return own < time;
    const order = compareBytes(id(index).subarray(0, prefix.length), prefix);
    return order < 0;
  }

  return {
    size,
    time: (index) => times[index] as number,
    id,
    lowerBound(from, bound) {
      let low = from;
      let high = size;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (isBelow(middle, bound)) low = middle + 1;
        else high = middle;
      }
      return low;
    },
    /** The sum of the ids as little-endian numbers modulo 2^256, hashed with how many they are. */
    fingerprint(from, to) {
      const sum = new Uint32Array(8);
      for (let index = from; index < to; index++) {
        let carry = 0;
        for (let word = 0; word < 8; word++) {
          const total = (sum[word] as number) + words.getUint32(index * ID_BYTES + word * 4, true) + carry;
          sum[word] = total >>> 0;
          carry = total > 0xffff_ffff ? 1 : 0;
        }
      }
      const count = encodeVarint(to - from);
      const input = new Uint8Array(ID_BYTES + count.length);
      const view = new DataView(input.buffer);
      for (const [word, value] of sum.entries()) view.setUint32(word * 4, value, true);
      input.set(count, ID_BYTES);
      return crypto.sha256(input).slice(0, FINGERPRINT_BYTES);
    },
  };
}
