/** Majorities over several sets of replicas at once: the present set and those whose move is not finished. */
import type { PeerId } from '../../net/index.ts';

export type PeerSet = readonly PeerId[];

export function majorityOf(size: number): number {
  return Math.floor(size / 2) + 1;
}

/** Whether `has` holds for a majority of every set. */
export function reaches(sets: readonly PeerSet[], has: (peerId: PeerId) => boolean): boolean {
  return sets.every((set) => countOf(set, has) >= majorityOf(set.length));
}

/** The set that is furthest from its majority, for the error's text. */
export function shortfall(
  sets: readonly PeerSet[],
  has: (peerId: PeerId) => boolean,
): { readonly answered: number; readonly needed: number } {
  let worst = { answered: 0, needed: 0 };
  let gap = -1;
  for (const set of sets) {
    const answered = countOf(set, has);
    const needed = majorityOf(set.length);
    if (needed - answered > gap) {
      gap = needed - answered;
      worst = { answered, needed };
    }
  }
  return worst;
}

/** Each peer once, in the order of the sets. */
export function unionOf(sets: readonly PeerSet[]): PeerId[] {
  return sets.length === 1 ? [...(sets[0] as PeerSet)] : [...new Set(sets.flat())];
}

/** The fewest peers, taken in the order given, that can give every set its majority. */
export function fewestOf(sets: readonly PeerSet[], preferred: readonly PeerId[]): PeerId[] {
  const chosen: PeerId[] = [];
  for (const peerId of preferred) {
    const useful = sets.some(
      (set) =>
        set.includes(peerId) && countOf(set, (other) => chosen.includes(other)) < majorityOf(set.length),
    );
    if (useful) chosen.push(peerId);
  }
  return chosen;
}

function countOf(set: PeerSet, has: (peerId: PeerId) => boolean): number {
  let count = 0;
  for (const peerId of set) if (has(peerId)) count++;
  return count;
}
