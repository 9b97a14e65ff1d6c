/**
 * Whether this replica counts in quorums. From its start on it counts in a slot once a majority of each of the slot's sets,
 * itself included, has heard which disk it runs on and none contradicted. When one does, it is a learner: it takes what it
 * is given, and counts in a slot only after it has reconciled that slot. From then on its disk goes under a greater term, so
 * that an older copy of it is told from it; a restart later it counts in the slots that it had reconciled as any disk does.
 *
 * In slots of which it holds what may have been deleted while it was no member it counts only after it has come back there
 * (`returning.ts`). That has nothing to do with its disk: what it holds is not lost.
 *
 * A disk that never counted may replace one that did, and so may those of others: to it, who has not counted yet either
 * says nothing by knowing nothing. It needs a majority of such that have, or the word of the whole set: that is how a
 * system begins.
 */
import { type Clock, sleep } from '../../../clock/index.ts';
import type { PeerId } from '../../../net/index.ts';
import type { Store, StorePosition } from '../../../store/index.ts';
import { textOfSlot } from '../../format/names.ts';
import { reaches } from '../../placement/quorum.ts';
import type { Topology } from '../../placement/topology.ts';
import type { Claim, PeerMemory, PlacedSlot, Verdict } from './memory.ts';
import { createReturns, type Returns } from './returns.ts';

export interface Standing {
  /** The one place where it is decided who counts. */
  votes(slot: number, count: number): boolean;
  /** The same for what concerns a register's ballot: one that this node may have promised against counts never. */
  votesOn(slot: number, count: number, ballotMs: number): boolean;
  /** Of a register's ballot: what bears it counts for nothing here until the register is accepted anew. */
  isBarred(ballotMs: number): boolean;
  /** Shortly after the start, while nobody has answered yet, waits until it is known whether the slot counts. */
  known(slot: number, count: number): Promise<void>;
  /** After the same wait: of the slots that this node holds, those in which it does not count. */
  learning(count: number): Promise<readonly number[]>;
  state(): 'unproven' | 'voter' | 'learner';
  /** Members remember another disk of this node. */
  isContradicted(): boolean;
  /**
   * What others are told of the disk: until it counts in all slots where it stood when this run began, since what is
   * committed meanwhile would stand for what an old copy of it lacks.
   */
  position(): StorePosition;
  /** What this peer is told: once it has vouched for where the disk stood at the start, where it is. */
  claim(peerId: PeerId): Claim;
  /** What a peer said of the claim. */
  learn(peerId: PeerId, word: Word): void;
  /** Where it does not count whatever its disk is; while it is unknown where, the others' word is needed anew. */
  readonly returns: Returns;
  /** Whether the disk counts in the slot, though this node may yet have to come back there. */
  isProven(slot: number, count: number): boolean;
  /** This node's word needs that of the peer no more. */
  isVouched(peerId: PeerId): boolean;
  /** What this node does not remember of others it never heard. */
  isSure(): boolean;
  /** Where it counts in all slots that it holds, its disk has counted from now on, whatever becomes of the others'. */
  establish(): Promise<void>;
  /** A learner that was contradicted before the disk could keep that: tries again. */
  mark(): Promise<void>;
  /** These slots were reconciled: durable before they count. */
  caughtUp(slots: readonly PlacedSlot[]): Promise<void>;
  /** Nothing is to be learned there, though it may not count yet. */
  isCaughtUp(slot: number, count: number): boolean;
  /** What was held there is lost, and it has not caught up. */
  isLost(slot: number, count: number): boolean;
  /** All slots were: from now on this store is as good as any. */
  absolve(): Promise<void>;
  /** This node was away for a while: the others' word is needed anew. */
  doubt(): void;
  /** An operator takes what is here for all there is. */
  force(): Promise<void>;
  onChange(listener: () => void): void;
}

export interface Word {
  readonly verdict: Verdict;
  /** The term that was claimed. */
  readonly claimed: number;
  /** Of the disk that the peer remembers. */
  readonly term: number;
  /** What contradicts. */
  readonly remembered?: Claim | undefined;
  /** The peer's `isSure`. */
  readonly sure: boolean;
}

export interface StandingDeps {
  readonly self: PeerId;
  readonly store: Pick<Store, 'position'>;
  /** Where the store stood before the first commit of this run. */
  readonly opened: StorePosition;
  readonly topology: Pick<Topology, 'moves'>;
  readonly memory: PeerMemory;
  readonly clock: Clock;
  /** Corrected time, ms. */
  readonly now: () => number;
}

export interface StandingConfig {
  /** How long after the start requests wait for the first peers' word. */
  readonly patienceMs: number;
  /** How far ahead of corrected time a ballot may lie. */
  readonly maxAheadMs: number;
}

const WAIT_STEP_MS = 5;
/** Far more than can be on their way at once. */
const MAX_TOLD = 4_096;

/** What was worked out from this list of slots when this much had been learned. */
interface Uncounted {
  readonly held: readonly number[];
  readonly revision: number;
  readonly slots: readonly number[];
}

export function createStanding(
  { self, store, opened, topology, memory, clock, now }: StandingDeps,
  { patienceMs, maxAheadMs }: StandingConfig,
): Standing {
  /** Who did not contradict, and whether they were sure. */
  const vouched = new Map<PeerId, boolean>();
  /** Reconciled in this run, and in an earlier one: then others must have heard of the disk. */
  const caught = new Map<string, PlacedSlot>();
  const caughtBefore = new Map<string, PlacedSlot>();
  const startedAt = clock.monotonic();
  const listeners: (() => void)[] = [];
  const uncounted = new Map<number, Uncounted>();
  /** Grows with everything that `votes` follows from, but the sets. */
  let revision = 0;
  let contradicted = memory.learner;
  let proven = false;
  /** Whether it has counted in all its slots since the start; once it has, no lower position is told again. */
  let accepted = false;
  /** The positions that others were told in this run, the latest of them. */
  const toldCommits = new Set<number>();
  let greatestTerm = memory.term;
  /** The term that it goes under since it was contradicted, once that is on the disk. */
  let wantedTerm = memory.term;
  let floorMs = memory.floorMs;
  /** Of what speaks against the disk: what came during an await is seen after it. */
  let doubts = 0;
  /** Monotonic: what time it was then may be known only later. */
  let contradictedAt = memory.learner ? startedAt : undefined;

  const nameOf = (slot: number, count: number) => textOfSlot({ slot, count });
  for (const one of memory.caught) caughtBefore.set(nameOf(one.slot, one.count), one);
  const notify = () => {
    for (const listener of listeners) listener();
  };

  const returns = createReturns(memory, () => {
    revision++;
    notify();
  });

  /** Whatever was promised before the loss lies below it. */
  function floor(): number {
    if (contradictedAt === undefined) return floorMs;
    return Math.max(floorMs, now() - (clock.monotonic() - contradictedAt) + maxAheadMs);
  }

  const votes = (slot: number, count: number) => !returns.isDue(slot, count) && isProven(slot, count);

  function isProven(slot: number, count: number): boolean {
    if (proven) return true;
    const all = topology.moves.required(slot, count);
    // Asked for every record; nearly always there is one set, and this node belongs to it.
    const sets = all.length === 1 && all[0]?.includes(self) ? all : all.filter((set) => set.includes(self));
    // Where there is nobody else, nobody else can know better.
    if (sets.every((set) => set.length === 1)) return true;
    if (contradicted && caught.has(nameOf(slot, count))) return true;
    if (contradicted && !caughtBefore.has(nameOf(slot, count))) return false;
    if (sets.every((set) => set.every((peerId) => peerId === self || vouched.has(peerId)))) return true;
    return reaches(sets, (peerId) => peerId === self || isVouched(peerId));
  }

  const isCaughtUp = (slot: number, count: number) =>
    caught.has(nameOf(slot, count)) || caughtBefore.has(nameOf(slot, count));

  function isVouched(peerId: PeerId): boolean {
    return memory.established ? vouched.has(peerId) : vouched.get(peerId) === true;
  }

  /** Asked with each scan, and there are thousands of slots. */
  function uncountedOf(count: number): readonly number[] {
    const held = topology.moves.held(count);
    const last = uncounted.get(count);
    if (last?.held === held && last.revision === revision) return last.slots;
    const slots = held.filter((slot) => !votes(slot, count));
    uncounted.set(count, { held, revision, slots });
    return slots;
  }

  /** In all slots that it holds, and it holds some. */
  function countsEverywhere(): boolean {
    const counts = topology.moves.rings().map(({ count }) => count);
    return (
      counts.some((count) => topology.moves.held(count).length > 0) &&
      counts.every((count) => uncountedOf(count).length === 0)
    );
  }

  function isAccepted(): boolean {
    accepted ||= proven || (!contradicted && countsEverywhere());
    return accepted;
  }

  function position(): StorePosition {
    return told(isAccepted() ? store.position() : opened);
  }

  function told(position: StorePosition): StorePosition {
    toldCommits.add(position.commits);
    const [oldest] = toldCommits;
    if (toldCommits.size > MAX_TOLD) toldCommits.delete(oldest as number);
    return position;
  }

  /** A heartbeat of this run that came before the claim: commits only grow. */
  function isOvertaken({ storeId, term, commits }: Claim): boolean {
    return storeId === opened.storeId && term === memory.term && toldCommits.has(commits);
  }

  async function patiently(counts: () => boolean): Promise<void> {
    if (contradicted || counts()) return;
    notify();
    while (!contradicted && !counts() && clock.monotonic() - startedAt < patienceMs)
      await sleep(clock, WAIT_STEP_MS);
  }

  async function mark(): Promise<void> {
    if (contradicted && memory.term < wantedTerm) await memory.saveLearner(wantedTerm, [...caught.values()]);
  }

  function contradict(): void {
    if (!contradicted) {
      caught.clear();
      contradictedAt = clock.monotonic();
    }
    contradicted = true;
    proven = false;
    caughtBefore.clear();
    vouched.clear();
    wantedTerm = Math.max(greatestTerm, memory.term) + 1;
    doubts++;
    revision++;
    // What could not be saved now is before it catches up.
    mark().catch(() => {});
    notify();
  }

  function doubt(): void {
    proven = false;
    doubts++;
    for (const [name, one] of caught) caughtBefore.set(name, one);
    caught.clear();
    vouched.clear();
    revision++;
    notify();
  }

  async function settle(): Promise<void> {
    const before = doubts;
    const newFloorMs = floor();
    await memory.saveSelf(Math.max(greatestTerm, memory.term) + 1, newFloorMs);
    greatestTerm = Math.max(greatestTerm, memory.term);
    if (doubts !== before) {
      if (contradicted) contradict();
      return;
    }
    floorMs = newFloorMs;
    contradictedAt = undefined;
    wantedTerm = memory.term;
    caught.clear();
    caughtBefore.clear();
    contradicted = false;
    proven = true;
    revision++;
    vouched.clear();
    notify();
  }

  return {
    votes,
    votesOn: (slot, count, ballotMs) => ballotMs > floor() && votes(slot, count),
    isBarred: (ballotMs) => ballotMs <= floor(),
    known: (slot, count) => patiently(() => votes(slot, count)),
    async learning(count) {
      await patiently(() => uncountedOf(count).length === 0);
      return uncountedOf(count);
    },
    state() {
      const { moves } = topology;
      const holds = ({ slot, count }: PlacedSlot) =>
        moves.ring(count) !== undefined && moves.isHolder(slot, count);
      if (contradicted || returns.isDueIn(holds)) return 'learner';
      return proven || (memory.established && vouched.size > 0) ? 'voter' : 'unproven';
    },
    position,
    claim: (peerId) => ({
      ...(vouched.has(peerId) ? told(store.position()) : position()),
      term: memory.term,
    }),
    learn(peerId, { verdict, claimed, term, sure, remembered }) {
      greatestTerm = Math.max(greatestTerm, term);
      // Said of a claim from before it caught up, or was contradicted.
      if (claimed < wantedTerm) return;
      if (verdict !== 'contradicted' || (remembered && isOvertaken(remembered))) {
        if (vouched.get(peerId) !== sure) revision++;
        vouched.set(peerId, sure);
        return;
      }
      contradict();
    },
    returns: {
      ...returns,
      suspend() {
        returns.suspend();
        doubt();
      },
    },
    isProven,
    isContradicted: () => contradicted,
    isVouched,
    isSure: () => memory.established && !contradicted,
    async establish() {
      if (memory.established || contradicted || !countsEverywhere()) return;
      await memory.saveSelf(memory.term, floorMs);
      revision++;
    },
    mark,
    async caughtUp(slots) {
      const before = doubts;
      await memory.saveCaught(slots);
      if (doubts !== before) return;
      for (const one of slots) caught.set(nameOf(one.slot, one.count), one);
      revision++;
    },
    isCaughtUp,
    isLost: (slot, count) => contradicted && !isCaughtUp(slot, count),
    absolve: settle,
    doubt,
    async force() {
      await settle();
      await returns.finish(returns.all());
    },
    onChange: (listener) => void listeners.push(listener),
  };
}
