/** Who was asked by a coordinator and what came of it, counted against the sets that must each give a majority. */
import type { PeerId } from '../../net/index.ts';
import { type PeerSet, reaches, shortfall, unionOf } from '../placement/quorum.ts';
import type { Explanation } from '../port.ts';

type Standing = 'waiting' | 'yes' | 'no';

export class Ballot {
  sets: readonly PeerSet[];
  readonly #standing = new Map<PeerId, Standing>();

  constructor(sets: readonly PeerSet[]) {
    this.sets = sets;
  }

  /** True when the peer had not been asked yet. */
  ask(peerId: PeerId): boolean {
    if (this.#standing.has(peerId)) return false;
    this.#standing.set(peerId, 'waiting');
    return true;
  }

  answer(peerId: PeerId, yes: boolean): void {
    this.#standing.set(peerId, yes ? 'yes' : 'no');
  }

  /** A majority of every set said yes. */
  isReached(): boolean {
    return reaches(this.sets, (peerId) => this.#standing.get(peerId) === 'yes');
  }

  /** What those who were asked may still say cannot give every set its majority. */
  isLost(): boolean {
    return !reaches(this.sets, (peerId) => this.isWaiting(peerId) || this.#standing.get(peerId) === 'yes');
  }

  isWaiting(peerId: PeerId): boolean {
    return this.#standing.get(peerId) === 'waiting';
  }

  anyWaiting(): boolean {
    return this.#standing.values().some((standing) => standing === 'waiting');
  }

  unasked(): PeerId[] {
    return unionOf(this.sets).filter((peerId) => !this.#standing.has(peerId));
  }

  yes(): PeerId[] {
    return [...this.#standing].filter(([, standing]) => standing === 'yes').map(([peerId]) => peerId);
  }

  no(): PeerId[] {
    return [...this.#standing].filter(([, standing]) => standing === 'no').map(([peerId]) => peerId);
  }

  shortfall(): { readonly answered: number; readonly needed: number } {
    return shortfall(this.sets, (peerId) => this.#standing.get(peerId) === 'yes');
  }
}

/** What a caller is told of how its answer came about. */
export class Trace {
  readonly #slot: number;
  readonly #asked = new Set<PeerId>();
  readonly #answered: { peerId: PeerId; ms: number; result: string }[] = [];

  constructor(slot: number) {
    this.#slot = slot;
  }

  ask(peerId: PeerId): void {
    this.#asked.add(peerId);
  }

  answer(peerId: PeerId, ms: number, result: string): void {
    this.#answered.push({ peerId, ms: Math.round(ms * 1_000) / 1_000, result });
  }

  explain(): Explanation {
    return { slot: this.#slot, asked: [...this.#asked], answered: [...this.#answered] };
  }
}
