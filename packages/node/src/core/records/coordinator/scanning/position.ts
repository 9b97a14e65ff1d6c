/** Places in a list of keys, in the order in which the replicas sort. */
import { compareBytes } from '@p2pos/protocol';
import type { KeyBody } from '../../format/key-body.ts';

export interface Position {
  readonly key: Uint8Array;
  /** Empty when it equals the key. */
  readonly partition: Uint8Array;
}

const EMPTY = new Uint8Array(0);

export function positionOf([key, partition]: KeyBody): Position {
  return { key, partition: partition ?? EMPTY };
}

export function endOf(keys: readonly KeyBody[]): Position | undefined {
  const last = keys.at(-1);
  return last && positionOf(last);
}

/** By key, then partition, the one that equals its key first. */
export function compare(a: Position, b: Position): number {
  return compareBytes(a.key, b.key) || compareBytes(a.partition, b.partition);
}
