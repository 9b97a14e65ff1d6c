/**
 * What may be lost when members are removed at once: of each slot that loses a majority of its replicas, or all. Those that stay
 * tell how much they hold there; of that the newest writes may have been on the removed ones alone.
 */

import { P2posError, type RemovalLoss } from '@p2pos/protocol';
import type { Membership } from '../../membership/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Store } from '../../store/index.ts';
import type { ReplicaCalls } from '../coordinator/calls.ts';
import { unionOf } from '../placement/quorum.ts';
import type { Topology } from '../placement/topology.ts';
import { COUNT_BY_SLOT } from '../replica/schema.ts';

export interface LossDeps {
  readonly topology: Topology;
  readonly membership: Pick<Membership, 'view'>;
  readonly calls: Pick<ReplicaCalls, 'ask'>;
}

/** Records of each of the slots, in their order. */
export async function tally(
  store: Pick<Store, 'read'>,
  count: number,
  slots: readonly number[],
): Promise<number[]> {
  const rows = await store.read<{ slot: number; records: number }>(COUNT_BY_SLOT, [count]);
  const found = new Map(rows.map(({ slot, records }) => [slot, records]));
  return slots.map((slot) => found.get(slot) ?? 0);
}

/** Slots that one call names. */
const MAX_TALLIED = 4_096;

export async function lossOf(
  { topology, membership, calls }: LossDeps,
  removed: ReadonlySet<PeerId>,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<RemovalLoss & { readonly heldSlots: number }> {
  const { epoch, hash } = topology.current();
  let slots = 0;
  let records = 0;
  let emptySlots = 0;
  let unknownSlots = 0;
  let heldSlots = 0;

  const draining = new Set([...removed].filter((peerId) => membership.view().members.get(peerId)?.draining));

  function isHeld(slot: number, count: number): boolean {
    const [present = [], ...older] = topology.moves.required(slot, count);
    // Who drains is in the present set only where nobody else is left to be: nobody waits for what it holds.
    const holding = present.filter((peerId) => !draining.has(peerId));
    return [holding, ...older].some((set) => set.some((peerId) => removed.has(peerId)));
  }

  /** Asks the first of those who stay, then the next about what it did not answer. */
  async function ask(count: number, wanted: Map<number, PeerId[]>): Promise<void> {
    const byPeer = new Map<PeerId, number[]>();
    for (const [slot, peers] of wanted) {
      const [peerId] = peers;
      if (peerId === undefined) unknownSlots++;
      else byPeer.set(peerId, [...(byPeer.get(peerId) ?? []), slot]);
    }
    const left = new Map<number, PeerId[]>();
    const one = async (peerId: PeerId, list: readonly number[]) => {
      try {
        const input = { epoch, placement: hash, count, slots: [...list] };
        const { records: told } = await calls.ask(peerId, 'tally', input, { timeoutMs });
        if (told.length !== list.length)
          throw new P2posError('PEER_PROTOCOL', { peerId, reason: 'not all slots' });
        records += told.reduce((sum, number) => sum + number, 0);
      } catch {
        for (const slot of list) left.set(slot, (wanted.get(slot) ?? []).slice(1));
      }
    };
    await Promise.all(
      [...byPeer].flatMap(([peerId, list]) => {
        const calls: Promise<void>[] = [];
        for (let at = 0; at < list.length; at += MAX_TALLIED)
          calls.push(one(peerId, list.slice(at, at + MAX_TALLIED)));
        return calls;
      }),
    );
    if (left.size > 0) await ask(count, left);
  }

  for (const { count, closed } of topology.moves.rings()) {
    const wanted = new Map<number, PeerId[]>();
    for (let slot = 0; slot < closed.length; slot++) {
      if (isHeld(slot, count)) heldSlots++;
      const sets = topology.moves.left(slot, count, removed);
      if (sets.every(({ isEnough }) => isEnough)) continue;
      slots++;
      const peers = unionOf(sets.map(({ peers }) => peers));
      if (peers.length === 0) emptySlots++;
      else wanted.set(slot, peers);
    }
    if (wanted.size > 0) await ask(count, wanted);
  }
  return { slots, records, emptySlots, unknownSlots, heldSlots };
}
