/** What a question to many slots at once has to reach: slots that need the same sets are counted together. */
import type { PeerId } from '../../net/index.ts';
import { majorityOf, type PeerSet } from './quorum.ts';

export interface SlotGroup {
  readonly sets: readonly PeerSet[];
  /** Ascending. */
  readonly slots: readonly number[];
}

export interface Cover {
  readonly groups: readonly SlotGroup[];
  /** Everybody who is in a set. */
  readonly peers: readonly PeerId[];
  /** Undefined for a slot that is not asked for. */
  group(slot: number): SlotGroup | undefined;
}

export function createCover(slots: readonly number[], setsOf: (slot: number) => readonly PeerSet[]): Cover {
  const groups = new Map<string, { readonly sets: readonly PeerSet[]; readonly slots: number[] }>();
  const bySlot = new Map<number, SlotGroup>();
  for (const slot of slots) {
    const sets = setsOf(slot);
    const name = sets.map((set) => [...set].sort().join()).join(';');
    let group = groups.get(name);
    if (!group) {
      group = { sets, slots: [] };
      groups.set(name, group);
    }
    group.slots.push(slot);
    bySlot.set(slot, group);
  }
  const all = [...groups.values()];
  return {
    groups: all,
    peers: [...new Set(all.flatMap(({ sets }) => sets.flat()))],
    group: (slot) => bySlot.get(slot),
  };
}

/**
 * Of those that can be asked, best first, few that give every set a majority: the last are left out as long as nobody misses
 * them. Where a majority is out of reach nobody of the set is left out.
 */
export function fewestFor({ groups, peers }: Cover, preferred: readonly PeerId[]): PeerId[] {
  const spare: number[] = [];
  const setsWith = new Map<PeerId, number[]>(peers.map((peerId) => [peerId, []]));
  for (const { sets } of groups)
    for (const set of sets) {
      for (const peerId of set) setsWith.get(peerId)?.push(spare.length);
      spare.push(set.length - majorityOf(set.length));
    }
  const leaveOut = (peerId: PeerId) => {
    for (const set of setsWith.get(peerId) ?? []) (spare[set] as number)--;
  };
  for (const peerId of peers) if (!preferred.includes(peerId)) leaveOut(peerId);
  const chosen: PeerId[] = [];
  for (const peerId of preferred.toReversed()) {
    if ((setsWith.get(peerId) ?? []).every((set) => (spare[set] as number) > 0)) leaveOut(peerId);
    else chosen.unshift(peerId);
  }
  return chosen;
}
