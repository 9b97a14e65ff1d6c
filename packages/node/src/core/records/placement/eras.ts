/**
 * The placements that were in force one after another, back to the oldest that a slot may still need. A force snapshot
 * takes the peers that it no longer lists out of every older set that loses its majority with them. Any other stays whole: what
 * was acknowledged lies on a majority of all of it, which a majority of those that are left need not meet.
 */
import { equalBytes, toHex } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import type { ChainLink } from './chain.ts';
import type { Placement, Placer } from './placement.ts';
import { majorityOf, type PeerSet } from './quorum.ts';

export interface Era {
  readonly epoch: number;
  /** Hash of the snapshot: the name of the placement epoch. */
  readonly hash: Uint8Array;
  readonly hex: string;
  readonly placement: Placement;
  readonly listed: ReadonlySet<PeerId>;
  readonly force: boolean;
}

export interface Needed {
  readonly peers: PeerSet;
  /** Those of them that were removed by force. */
  readonly gone: PeerSet;
}

/** Neighbouring epochs in which a slot had the same set. */
export interface Run extends Needed {
  readonly first: number;
  readonly last: number;
}

/** Whose answers a slot needs; as long as nothing has changed since it was asked. */
export interface Runs {
  /** Newest first; the first is the present set. */
  readonly main: readonly Run[];
  /** Of branches of the chain that lost. */
  readonly sides: readonly Needed[];
  /** Each set once, whatever its order; the present one first. */
  readonly sets: readonly PeerSet[];
}

/** What was worked out: most snapshots change the sets of few slots, and a chain of hundreds may be followed at once. */
interface KnownRuns {
  readonly since: number;
  /** Of all eras up to this one. */
  upTo: Era;
  readonly main: Run[];
  readonly sides: readonly Needed[];
  sets: readonly PeerSet[];
}

/** A snapshot of a branch that was in force here and lost, and the epoch up to which the chain has it in common. */
export interface Side {
  readonly link: ChainLink;
  readonly fork: number;
}

/** As the disk remembers it: the snapshot by its hash. */
export interface SavedSide {
  readonly hash: Uint8Array;
  readonly fork: number;
}

export interface Eras {
  /** Undefined as long as no snapshot is known. */
  current(): Era | undefined;
  /** The child of the one in force. */
  append(link: ChainLink): void;
  /** Another chain, oldest first. Answers the greatest former epoch that is part of it; 0 when none is. */
  replace(chain: readonly ChainLink[]): number;
  /** What is needed of branches that lost. */
  sides(): readonly SavedSide[];
  /** As it was before a restart, once the chain is known. */
  restore(sides: readonly Side[]): void;
  /** Lets go what lies before `epoch`. */
  forget(epoch: number): void;
  /** Of a slot, down to epoch `since`. */
  runs(slot: number, count: number, since: number): Runs;
}

export function createEras({ placer }: { readonly placer: Placer }): Eras {
  /** Oldest first, the one in force last. */
  let eras: Era[] = [];
  /** Of a branch that was in force here and lost; needed by slots that closed no later than where it left the chain. */
  let sides: { readonly era: Era; readonly fork: number }[] = [];
  /** Of all the chain, also where its eras are let go. */
  let path: { readonly epoch: number; readonly hex: string }[] = [];
  /** By number of replicas, then slot. */
  const known = new Map<number, (KnownRuns | undefined)[]>();

  function eraOf({ hash, snapshot }: ChainLink): Era {
    return {
      epoch: snapshot.epoch,
      hash,
      hex: toHex(hash),
      placement: placer.place(snapshot.members),
      listed: new Set(snapshot.members.map(({ peerId }) => peerId)),
      force: snapshot.force,
    };
  }

  function workOut(slot: number, count: number, since: number): KnownRuns {
    const main: Run[] = [];
    let listed: Listed;
    for (let i = eras.length - 1; i >= 0; i--) {
      const era = eras[i] as Era;
      if (era.epoch < since && main.length > 0) break;
      const whole = era.placement.replicas(slot, count);
      const { peers, gone } = without(whole, listed);
      const newer = main.at(-1);
      if (newer && peers === whole && sameSet(newer.peers, peers)) {
        main[main.length - 1] = { ...newer, first: era.epoch };
      } else if (peers.length > 0 || main.length === 0) {
        main.push({ peers, gone, first: era.epoch, last: era.epoch });
      }
      if (era.force) listed = new Set([...era.listed].filter((peerId) => !listed || listed.has(peerId)));
    }
    const needed = sides.filter(({ fork }) => since <= fork);
    const others = needed
      .map(({ era }) => without(era.placement.replicas(slot, count), listed))
      .filter(({ peers }) => peers.length > 0);
    return { since, upTo: eras.at(-1) as Era, main, sides: others, sets: distinct([...main, ...others]) };
  }

  /** With the eras since then; false where they change what was before them. */
  function extend(runs: KnownRuns, slot: number, count: number): boolean {
    let from = eras.length - 1;
    for (; eras[from] !== runs.upTo; from--) if (from < 0) return false;
    for (let i = from + 1; i < eras.length; i++) {
      const era = eras[i] as Era;
      const [present] = runs.main as [Run];
      if (present.peers.length === 0 || (era.force && !isUntouched(runs, era))) return false;
      const peers = era.placement.replicas(slot, count);
      const run = { peers, gone: NOBODY, first: era.epoch, last: era.epoch };
      if (sameSet(present.peers, peers)) runs.main[0] = { ...run, first: present.first };
      else runs.main.unshift(run);
      runs.sets = [peers, ...runs.sets.filter((set) => !sameSet(set, peers))];
      runs.upTo = era;
    }
    return true;
  }

  return {
    current: () => eras.at(-1),
    sides: () => sides.map(({ era: { hash }, fork }) => ({ hash, fork })),
    restore(saved) {
      known.clear();
      sides = saved.map(({ link, fork }) => ({ era: eraOf(link), fork }));
    },
    append(link) {
      const era = eraOf(link);
      eras.push(era);
      path.push({ epoch: era.epoch, hex: era.hex });
    },
    replace(chain) {
      known.clear();
      const previous = eras;
      const former = (link: ChainLink) => previous.find(({ hash }) => equalBytes(hash, link.hash));
      eras = chain.map((link) => former(link) ?? eraOf(link));
      const before = path;
      path = eras.map(({ epoch, hex }) => ({ epoch, hex }));
      const common = path.findLast(({ hex }, i) => before[i]?.hex === hex)?.epoch ?? 0;
      const lost = previous.filter(({ epoch }) => epoch > common);
      const isBack = ({ hex }: Era) => eras.some((era) => era.hex === hex);
      // Those of branches that lost before may leave this chain earlier than the one that they lost to.
      sides = [...sides.filter(({ era }) => !isBack(era)), ...lost.map((era) => ({ era, fork: common }))];
      sides = sides.map(({ era, fork }) => ({ era, fork: Math.min(fork, common) }));
      return common;
    },
    forget(epoch) {
      const first = eras.findIndex((era) => era.epoch >= epoch);
      if (first > 0) eras = eras.slice(first);
      sides = sides.filter(({ fork }) => fork >= epoch);
    },
    runs(slot, count, since) {
      let table = known.get(count);
      if (!table) {
        table = [];
        known.set(count, table);
      }
      const before = table[slot];
      if (before?.since === since && extend(before, slot, count)) return before;
      const runs = workOut(slot, count, since);
      table[slot] = runs;
      return runs;
    },
  };
}

const NOBODY: PeerSet = [];

/** By all force snapshots that came later; undefined where there are none. */
type Listed = ReadonlySet<PeerId> | undefined;

/** The set itself as long as a majority of it was not removed by force. */
function without(whole: PeerSet, listed: Listed): Needed {
  if (!listed || whole.every((peerId) => listed.has(peerId))) return { peers: whole, gone: NOBODY };
  const left = whole.filter((peerId) => listed.has(peerId));
  if (left.length < majorityOf(whole.length)) return { peers: left, gone: NOBODY };
  return { peers: whole, gone: whole.filter((peerId) => !left.includes(peerId)) };
}

/** By a force snapshot: it removes nobody whose answer counts. */
function isUntouched({ main, sides }: Omit<Runs, 'sets'>, { listed }: Era): boolean {
  const stays = ({ peers, gone }: Needed) =>
    peers.every((peerId) => listed.has(peerId) || gone.includes(peerId));
  return main.every(stays) && sides.every(stays);
}

/** Each set once. */
export function distinct(all: readonly Needed[]): readonly PeerSet[] {
  const found: PeerSet[] = [];
  for (const { peers } of all) if (!found.some((other) => sameSet(other, peers))) found.push(peers);
  return found;
}

function sameSet(a: PeerSet, b: PeerSet): boolean {
  return a === b || (a.length === b.length && a.every((peerId) => b.includes(peerId)));
}
