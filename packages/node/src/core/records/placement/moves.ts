/**
 * Which sets of replicas a slot needs now. While a snapshot moves a slot, the present set and every older one that is not
 * closed must agree, each by a majority. A set is closed by a newer one once a majority of that one has settled.
 *
 * Why it holds: whatever was acknowledged lies on a majority of each set that was needed then. A replica settles only
 * by answers from replicas that already follow its epoch, and those acknowledge nothing more for an older one; so a
 * settled replica has all that an older majority ever acknowledged, and every majority of a closing set includes one.
 */
import type { PeerId } from '../../net/index.ts';
import type { ChainLink } from './chain.ts';
import { type Cover, createCover } from './cover.ts';
import {
  createEras,
  distinct,
  type Era,
  type Needed,
  type Run,
  type Runs,
  type SavedSide,
  type Side,
} from './eras.ts';
import type { Placer } from './placement.ts';
import { majorityOf, type PeerSet } from './quorum.ts';
import { createRing, type Ring, type SavedRing } from './ring.ts';

export interface Moves {
  /** The snapshot in force; undefined as long as none is known. */
  current(): Era | undefined;
  /**
   * The child of the one in force takes effect. Answers the slots, by number of replicas, that a force snapshot leaves without
   * any replica of a set that was needed: what only those held is lost.
   */
  append(link: ChainLink): ReadonlyMap<number, readonly number[]>;
  /** The whole chain, oldest first, not empty: at the start, and when another branch won. */
  replace(chain: readonly ChainLink[]): void;
  /** Undefined as long as no snapshot is known. */
  ring(count: number): Ring | undefined;
  rings(): readonly Ring[];
  /** What is needed of branches that lost, to be saved with the rings. */
  sides(): readonly SavedSide[];
  /** The sets that must each give a majority; the present one first. */
  required(slot: number, count: number): readonly PeerSet[];
  /** The same for all slots at once. */
  cover(count: number): Cover;
  /** Of each of those sets, who is left when these are removed by force too, and whether those are a majority of it. */
  left(
    slot: number,
    count: number,
    removed: ReadonlySet<PeerId>,
  ): readonly { readonly peers: PeerSet; readonly isEnough: boolean }[];
  /** Whether this node, or another, belongs to one of them. */
  isHolder(slot: number, count: number, peerId?: PeerId): boolean;
  /** Slots of which this node belongs to one of the sets; the same list until that may have changed. */
  held(count: number): readonly number[];
  /** Slots whose present set this node belongs to without having settled. */
  unsettled(count: number): number[];
  /** Slots for which more than the present set is needed. */
  open(count: number): number[];
  /** The present set is known to be closed in this epoch or later; 0 when unknown. */
  closedAt(slot: number, count: number): number;
  learnClosed(slot: number, count: number, epoch: number): void;
  /** It may have settled on a branch that lost, and has not on this one: that it has no mark proves nothing. */
  isUnmarked(slot: number, count: number): boolean;
  /** Whether what this node held of the slot before that epoch, as one of its replicas, is needed still. */
  tenure(slot: number, count: number, before: number, settledAt: SettledAt): Tenure;
  /** Closes what the marks of members prove, this node's among them, and believes what they know to be closed. */
  absorb(count: number, answers: ReadonlyMap<PeerId, Pick<Ring, 'settled' | 'closed'>>): void;
}

/** In which epoch a member has settled, 0: not; undefined where that is not known. */
export type SettledAt = (peerId: PeerId) => number | undefined;

/** Of each quorum so many have to be heard. */
export interface Hearing {
  /**
   * Others have all that was acknowledged: what the quorums do not know is long deleted. Else those do not know of a newer set that
   * has settled, so they have forgotten no deletion: who has heard them has missed none.
   */
  readonly isClosed: boolean;
  readonly quorums: readonly { readonly peers: PeerSet; readonly least: number }[];
}

/** `needed`: no newer set can have settled, so deletions have waited for this node. `unknown`: too few have told. */
export type Tenure = 'needed' | 'unknown' | Hearing;

export interface MovesDeps {
  readonly self: PeerId;
  readonly placer: Placer;
  /** How many there are in this system; asked once a snapshot is known. */
  readonly slots: () => number;
  /** What the disk remembers, by number of replicas. */
  readonly saved: ReadonlyMap<number, SavedRing>;
  readonly sides: readonly Side[];
}

export interface MovesConfig {
  /** Numbers of replicas that namespaces ask for. */
  readonly counts: readonly number[];
}

export function createMoves(
  { self, placer, slots, saved, sides }: MovesDeps,
  { counts }: MovesConfig,
): Moves {
  const eras = createEras({ placer });
  const rings = new Map<number, Ring>();
  /** By number of replicas; asked with each scan. */
  const covers = new Map<number, Cover>();
  const holdings = new Map<number, readonly number[]>();

  function ringOf(count: number): Ring {
    const ring = rings.get(count);
    if (!ring) throw new Error(`no ring of ${count} replicas`);
    return ring;
  }

  function required(slot: number, count: number): readonly PeerSet[] {
    return runsOf(slot, ringOf(count)).sets;
  }

  function runsOf(slot: number, { count, closed }: Ring): Runs {
    return eras.runs(slot, count, closed[slot] as number);
  }

  /** Newest first. */
  function neededOf(slot: number, ring: Ring): Needed[] {
    const { main, sides } = runsOf(slot, ring);
    return [...main, ...sides];
  }

  function presentRun(slot: number, ring: Ring): Run {
    return runsOf(slot, ring).main[0] as Run;
  }

  function isHolder(slot: number, count: number, peerId = self): boolean {
    return required(slot, count).some((set) => set.includes(peerId));
  }

  /** Marks made in the present run hold for the epoch in force too; so older epochs can be forgotten. */
  function carry(ring: Ring, slot: number, epoch: number): void {
    const { peers, first } = presentRun(slot, ring);
    if (peers.includes(self) && (ring.settled[slot] as number) >= first) ring.settled[slot] = epoch;
    if (required(slot, ring.count).length === 1) ring.closed[slot] = epoch;
  }

  /** Each majority that ever acknowledged something, without this node in it, has one of them. */
  function quorumOfRoot({ peers }: Needed): Hearing['quorums'][number] {
    const others = peers.filter((peerId) => peerId !== self);
    const least = peers.length - majorityOf(peers.length);
    const isOwn = peers.includes(self);
    return { peers: others, least: Math.min(others.length, isOwn ? Math.max(1, least) : least + 1) };
  }

  function carryAll(): void {
    const { epoch } = eras.current() as Era;
    covers.clear();
    holdings.clear();
    let oldest = epoch;
    for (const ring of rings.values()) {
      // At the founding nobody holds anything yet, so nobody lacks anything.
      if (epoch === 1) ring.settled.fill(1);
      for (let slot = 0; slot < ring.closed.length; slot++) {
        carry(ring, slot, epoch);
        oldest = Math.min(oldest, ring.closed[slot] as number);
      }
    }
    eras.forget(oldest);
  }

  function close(ring: Ring, slot: number, closedAt: number): void {
    const { epoch } = eras.current() as Era;
    if (closedAt > epoch || closedAt <= (ring.closed[slot] as number)) return;
    ring.closed[slot] = closedAt;
    covers.delete(ring.count);
    holdings.delete(ring.count);
    carry(ring, slot, epoch);
  }

  function lostSlots({ snapshot }: ChainLink): Map<number, number[]> {
    const listed = new Set(snapshot.members.map(({ peerId }) => peerId));
    const lost = new Map<number, number[]>();
    for (const [count, { closed }] of rings) {
      const slotsLost = [...closed.keys()].filter((slot) =>
        required(slot, count).some((set) => set.length > 0 && !set.some((peerId) => listed.has(peerId))),
      );
      if (slotsLost.length > 0) lost.set(count, slotsLost);
    }
    return lost;
  }

  /** The rings as the disk remembers them, where the snapshot that was in force then is part of the chain. */
  function restoreRings(chain: readonly ChainLink[]): void {
    for (const count of counts) {
      const ring = createRing(count, slots());
      const before = saved.get(count);
      const known = before && chain.some(({ hash }) => Buffer.compare(hash, before.headHash) === 0);
      if (known && before.settled.length === ring.settled.length) {
        ring.settled.set(before.settled);
        ring.closed.set(before.closed);
      }
      rings.set(count, ring);
    }
  }

  return {
    current: eras.current,
    append(link) {
      if (rings.size === 0) restoreRings([link]);
      const lost = link.snapshot.force && eras.current() ? lostSlots(link) : new Map();
      eras.append(link);
      carryAll();
      return lost;
    },
    replace(chain) {
      const common = eras.replace(chain);
      if (rings.size === 0) {
        restoreRings(chain);
        eras.restore(sides);
      } else {
        for (const { settled, closed } of rings.values()) {
          for (let slot = 0; slot < closed.length; slot++) {
            // What was true on another branch says nothing on this one; where others had the slot, an older mark neither.
            const isClosed = (closed[slot] as number) > common;
            if (isClosed) closed[slot] = common;
            if (!isClosed && (settled[slot] as number) <= common) continue;
            settled[slot] = 0;
          }
        }
      }
      carryAll();
    },
    ring: (count) => rings.get(count),
    rings: () => [...rings.values()],
    sides: eras.sides,
    required,
    left: (slot, count, removed) =>
      neededOf(slot, ringOf(count))
        .filter(({ peers }) => peers.length > 0)
        .map(({ peers, gone }) => {
          const left = peers.filter((peerId) => !removed.has(peerId) && !gone.includes(peerId));
          return { peers: left, isEnough: left.length >= majorityOf(peers.length) };
        }),
    cover(count) {
      const known = covers.get(count);
      if (known) return known;
      const cover = createCover([...ringOf(count).closed.keys()], (slot) => required(slot, count));
      covers.set(count, cover);
      return cover;
    },
    isHolder,
    held(count) {
      const known = holdings.get(count);
      if (known) return known;
      const found: number[] = [];
      for (let slot = 0; slot < ringOf(count).closed.length; slot++)
        if (isHolder(slot, count)) found.push(slot);
      holdings.set(count, found);
      return found;
    },
    unsettled(count) {
      const ring = ringOf(count);
      const found: number[] = [];
      for (let slot = 0; slot < ring.closed.length; slot++) {
        const { peers, first } = presentRun(slot, ring);
        if (peers.includes(self) && (ring.settled[slot] as number) < first) found.push(slot);
      }
      return found;
    },
    open(count) {
      const { closed } = ringOf(count);
      const found: number[] = [];
      for (let slot = 0; slot < closed.length; slot++) if (required(slot, count).length > 1) found.push(slot);
      return found;
    },
    closedAt: (slot, count) => ringOf(count).closed[slot] as number,
    learnClosed: (slot, count, epoch) => close(ringOf(count), slot, epoch),
    isUnmarked(slot, count) {
      const ring = ringOf(count);
      if (ring.settled[slot] !== 0) return false;
      // What was closed on a branch that lost is not known as long as another set of that branch is needed.
      const { main, sides } = runsOf(slot, ring);
      return distinct([rootOf(main), ...sides]).length > 1;
    },
    tenure(slot, count, before, settledAt) {
      const ring = ringOf(count);
      // What it settled since is what others held then.
      if ((ring.settled[slot] as number) >= before) return 'needed';
      const { main, sides } = runsOf(slot, ring);
      const at = main.findIndex(({ peers, first }) => first < before && peers.includes(self));
      if (at < 0) {
        // What lies here may be what was acknowledged on that branch.
        const isClosed = !sides.some(({ peers }) => peers.includes(self));
        // Whatever was acknowledged lies on a majority of the oldest set that is needed, or of one of a branch that lost.
        return { isClosed, quorums: [rootOf(main), ...sides].map(quorumOfRoot) };
      }
      // A mark is on the disk before it is told, so a majority of those that have none rules out one of those that have.
      const isOpen = ({ peers, first }: Run) =>
        peers.filter((peerId) => (settledAt(peerId) ?? first) < first).length >
        peers.length - majorityOf(peers.length);
      if (main.slice(0, at).every(isOpen)) return 'needed';
      const quorums = [...main, ...sides].map(({ peers }) => ({
        peers: peers.filter((peerId) => peerId !== self && settledAt(peerId) !== undefined),
        least: peers.length - majorityOf(peers.length) + (peers.includes(self) ? 0 : 1),
      }));
      return quorums.every(({ peers, least }) => peers.length >= least)
        ? { isClosed: false, quorums }
        : 'unknown';
    },
    absorb(count, answers) {
      const ring = ringOf(count);
      for (let slot = 0; slot < ring.closed.length; slot++) {
        for (const { closed } of answers.values()) close(ring, slot, closed[slot] as number);
        if (required(slot, count).length === 1) continue;
        const settledAt = (peerId: PeerId) => answers.get(peerId)?.settled[slot] ?? 0;
        const settled = runsOf(slot, ring).main.find(
          ({ peers, first }) =>
            peers.filter((peerId) => settledAt(peerId) >= first).length >= majorityOf(peers.length),
        );
        if (settled) close(ring, slot, settled.last);
      }
    },
  };
}

/** The oldest set that is needed. */
function rootOf(main: Runs['main']): Needed {
  return main.at(-1) as Run;
}
