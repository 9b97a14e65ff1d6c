/**
 * Merkle trees of Certificate Transparency (RFC 9162 §2.1): leaves and inner nodes are hashed with different first
 * bytes, an odd node rises unpaired. A path names the siblings from the leaf up.
 */
import type { Crypto } from './crypto.ts';

type Hasher = Pick<Crypto, 'sha256'>;

export const HASH_BYTES = 32;

/** SHA-256(0x00 ‖ content). */
export function leafHash({ sha256 }: Hasher, content: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + content.length);
  input.set(content, 1);
  return sha256(input);
}

/** SHA-256(0x01 ‖ left ‖ right). */
function nodeHash({ sha256 }: Hasher, left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + 2 * HASH_BYTES);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 1 + HASH_BYTES);
  return sha256(input);
}

export interface Tree {
  readonly root: Uint8Array;
  /** The siblings of leaf `index` from the bottom up, joined. */
  path(index: number): Uint8Array;
}

/** @param leaves At least one. */
export function buildTree(hasher: Hasher, leaves: readonly Uint8Array[]): Tree {
  const levels: (readonly Uint8Array[])[] = [leaves];
  for (let level = leaves; level.length > 1; ) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] as Uint8Array;
      const right = level[i + 1];
      above.push(right ? nodeHash(hasher, left, right) : left);
    }
    levels.push(above);
    level = above;
  }
  return {
    root: (levels.at(-1) as readonly Uint8Array[])[0] as Uint8Array,
    path(index) {
      const siblings: Uint8Array[] = [];
      let position = index;
      for (const level of levels) {
        const sibling = level[position ^ 1];
        if (sibling) siblings.push(sibling);
        position >>>= 1;
      }
      const path = new Uint8Array(siblings.length * HASH_BYTES);
      for (const [i, sibling] of siblings.entries()) path.set(sibling, i * HASH_BYTES);
      return path;
    },
  };
}

/** The root that a leaf at `index` of `size` leaves leads to, or undefined when the path does not fit that place. */
export function foldPath(
  hasher: Hasher,
  leaf: Uint8Array,
  { index, size, path }: { readonly index: number; readonly size: number; readonly path: Uint8Array },
): Uint8Array | undefined {
  if (index >= size) return undefined;
  let hash = leaf;
  let position = index;
  let used = 0;
  for (let width = size; width > 1; width = (width + 1) >>> 1) {
    if ((position ^ 1) < width) {
      const sibling = path.subarray(used, used + HASH_BYTES);
      if (sibling.length !== HASH_BYTES) return undefined;
      used += HASH_BYTES;
      hash = position & 1 ? nodeHash(hasher, sibling, hash) : nodeHash(hasher, hash, sibling);
    }
    position >>>= 1;
  }
  return used === path.length ? hash : undefined;
}
