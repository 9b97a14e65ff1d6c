/** What a replica answers to those who compare their records with its own. It keeps nothing between their calls. */
import { P2posError } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import type { Store } from '../../store/index.ts';
import type { Placed } from '../format/wire.ts';
import type { RecordsMembership, Topology } from '../placement/topology.ts';
import type { Replica } from '../replica/replica.ts';
import { tally } from './loss.ts';
import type { SlotContents } from './reconciliation/digests.ts';
import { answer } from './reconciliation/negentropy/index.ts';
import {
  PART_BYTES,
  RECONCILE_LIMITS,
  ROOT_BYTES,
  type SlotRange,
  sharedSlots,
} from './reconciliation/ranges.ts';
import type { Claim, Heard, PeerMemory } from './standing/memory.ts';
import type { Standing } from './standing/standing.ts';

export interface Comparing {
  claim(
    input: Claim,
    from: PeerId,
  ): Promise<Heard & { strays: boolean; placement: Uint8Array | undefined; sure: boolean; own: Claim }>;
  compare(
    input: Placed & { readonly count: number; readonly ranges: readonly SlotRange[] },
    from: PeerId,
  ): Promise<{ digests: Uint8Array[]; learning: number[]; lost?: number[] }>;
  tally(
    input: Placed & { readonly count: number; readonly slots: readonly number[] },
    from: PeerId,
  ): Promise<{ records: number[] }>;
  reconcile(
    input: Placed & { readonly count: number; readonly slot: number; readonly message: Uint8Array },
    from: PeerId,
  ): Promise<{ message: Uint8Array; learning: boolean; lost?: boolean }>;
}

export interface ComparingDeps {
  readonly membership: Pick<RecordsMembership, 'isActive'>;
  readonly replica: Pick<Replica, 'admit'>;
  readonly topology: Topology;
  readonly contents: SlotContents;
  readonly memory: PeerMemory;
  readonly standing: Standing;
  readonly holdsStrays: () => boolean;
  readonly store: Pick<Store, 'read'>;
}

export function createComparing(deps: ComparingDeps): Comparing {
  const { membership, replica, topology, contents, memory, standing } = deps;

  function check(count: number, slot: number): void {
    const ring = topology.moves.ring(count);
    if (!ring || slot >= ring.closed.length) throw new P2posError('BAD_REQUEST', { reason: 'No such slot.' });
  }

  /** A few bytes must not ask for the digests of all slots many times over. */
  function checkRanges(count: number, ranges: readonly SlotRange[]): void {
    const inOrder = ranges.toSorted(([a], [b]) => a - b);
    for (const [i, [first, last]] of inOrder.entries()) {
      check(count, last);
      if (first <= (inOrder[i - 1]?.[1] ?? -1))
        throw new P2posError('BAD_REQUEST', { reason: 'Ranges that overlap.' });
    }
  }

  return {
    async claim(claim, from) {
      if (!membership.isActive(from)) throw new P2posError('NOT_A_MEMBER', { peerId: from });
      const heard = await memory.hear(from, claim);
      const { placement } = topology.placedNow() ?? {};
      const strays = deps.holdsStrays();
      return { ...heard, strays, placement, sure: standing.isSure(), own: standing.claim(from) };
    },
    async compare({ count, ranges, ...placed }, from) {
      const admission = replica.admit(placed, from);
      const length = ranges.length === 1 ? ROOT_BYTES : PART_BYTES;
      const digests: Uint8Array[] = [];
      const learning: number[] = [];
      const lost: number[] = [];
      checkRanges(count, ranges);
      for (const [i, range] of ranges.entries()) {
        const slots = sharedSlots(topology, from, count, range);
        const isLearning = () => slots.some((slot) => !standing.votes(slot, count));
        // Whoever catches up meanwhile may have lacked what was read first.
        const before = isLearning();
        if (slots.some((slot) => standing.isLost(slot, count))) lost.push(i);
        digests.push((await contents.combined(count, slots)).slice(0, length));
        if (before || isLearning()) learning.push(i);
      }
      admission.confirm();
      return { digests, learning, ...(lost.length > 0 && { lost }) };
    },
    async tally({ count, slots, ...placed }, from) {
      const admission = replica.admit(placed, from);
      const records = await tally(deps.store, count, slots);
      admission.confirm();
      return { records };
    },
    async reconcile({ count, slot, message, ...placed }, from) {
      const admission = replica.admit(placed, from);
      check(count, slot);
      if (!topology.moves.isHolder(slot, count))
        throw new P2posError('BAD_REQUEST', { reason: 'This node is no replica of the slot.' });
      const isLearning = () => !standing.votes(slot, count);
      const before = isLearning();
      const lost = standing.isLost(slot, count);
      const items = await contents.items(count, slot);
      const reply = answer(items, message, RECONCILE_LIMITS);
      admission.confirm();
      return { message: reply, learning: before || isLearning(), ...(lost && { lost }) };
    },
  };
}
