/** Places in the space of 256 bits and their XOR distance (Kademlia, 2002, §2.1). */
import { type Crypto, nodeIdOf, readU32 } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';

/** 32 bytes, most significant first; of a node or of a key. */
export type NodeId = Uint8Array;

const ID_BITS = 256;
const ID_BYTES = ID_BITS / 8;
/** Ids are asked for again and again: each answer names twenty nodes. */
const MAX_CACHED = 32_768;

/** Of one peer: its key decides its place, whatever it says. @throws P2posError PEER_ID_INVALID */
export type NodeIds = (peerId: PeerId) => NodeId;

export function createNodeIds(crypto: Pick<Crypto, 'sha256'>): NodeIds {
  const cache = new Map<PeerId, NodeId>();
  return (peerId) => {
    let id = cache.get(peerId);
    if (!id) {
      id = nodeIdOf(peerId, crypto);
      if (cache.size >= MAX_CACHED) cache.clear();
      cache.set(peerId, id);
    }
    return id;
  };
}

/** Negative: `a` is closer to the target than `b`. */
export function compareDistance(a: NodeId, b: NodeId, target: NodeId): number {
  for (let index = 0; index < ID_BYTES; index++) {
    const place = target[index] as number;
    const difference = ((a[index] as number) ^ place) - ((b[index] as number) ^ place);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The first 32 bits, which nearly always decide which of two is closer. */
export function headOf(id: NodeId): number {
  return readU32(id, 0);
}

/** Something that has a place. */
export interface Placed {
  readonly id: NodeId;
  readonly head: number;
}

/** As {@link compareDistance}, quicker. */
export function comparePlaces(a: Placed, b: Placed, target: NodeId, head: number): number {
  const difference = ((a.head ^ head) >>> 0) - ((b.head ^ head) >>> 0);
  return difference !== 0 ? difference : compareDistance(a.id, b.id, target);
}

/** Leading bits that both have, 0 … 256. */
export function commonBits(a: NodeId, b: NodeId): number {
  for (let index = 0; index < ID_BYTES; index++) {
    const difference = (a[index] as number) ^ (b[index] as number);
    if (difference !== 0) return index * 8 + Math.clz32(difference) - 24;
  }
  return ID_BITS;
}

/** Shares exactly `bits` leading bits with `id`; the rest is of `random`, 32 bytes. */
export function idWithCommonBits(id: NodeId, bits: number, random: Uint8Array): NodeId {
  const result = new Uint8Array(random);
  const whole = bits >> 3;
  result.set(id.subarray(0, whole));
  if (whole === ID_BYTES) return result;
  const own = id[whole] as number;
  const flipped = 0x80 >> (bits & 7);
  const kept = ~(2 * flipped - 1) & 0xff;
  const rest = flipped - 1;
  result[whole] = (own & kept) | (~own & flipped) | ((result[whole] as number) & rest);
  return result;
}
