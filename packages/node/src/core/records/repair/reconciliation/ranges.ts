/** What both sides of a comparison have to see alike. */
import type { PeerId } from '../../../net/index.ts';
import { MAX_RECONCILE_BYTES } from '../../format/repair-methods.ts';
import type { Topology } from '../../placement/topology.ts';

export const RECONCILE_LIMITS = { maxMessageBytes: MAX_RECONCILE_BYTES } as const;
/** Of one range alone, and of each of several. */
export const ROOT_BYTES = 32;
export const PART_BYTES = 16;

export type SlotRange = readonly [first: number, last: number];

/** Slots of the range that both belong to, as far as this node knows. */
export function sharedSlots(
  { moves }: Pick<Topology, 'moves'>,
  peerId: PeerId,
  count: number,
  [first, last]: SlotRange,
): number[] {
  return moves
    .held(count)
    .filter((slot) => slot >= first && slot <= last && moves.isHolder(slot, count, peerId));
}
