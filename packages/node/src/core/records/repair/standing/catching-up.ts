/**
 * How a learner becomes a voter again: it reconciles each of its slots with enough of those who count that no write which
 * was acknowledged can have escaped all of them. What it holds and none of them does is long deleted, and set aside.
 */
import type { PeerId } from '../../../net/index.ts';
import { agesBy, type Clocks } from '../../clock/ages.ts';
import { majorityOf, type PeerSet, unionOf } from '../../placement/quorum.ts';
import type { Ask } from '../reconciliation/syncing.ts';
import type { Standing } from './standing.ts';
import { hearWitnesses, setOrphansAside, type Testimony, type WitnessesDeps } from './witnesses.ts';

/**
 * Of a set in which `self` is a learner, how many that count must have been reconciled with. A write was acknowledged by a
 * majority, of which at most all learners are no witnesses any more.
 */
export function witnessesNeeded(set: PeerSet, learners: number): number {
  const voters = set.length - learners;
  const sure = majorityOf(set.length) - learners;
  return Math.max(majorityOf(voters), sure > 0 ? voters - sure + 1 : 0);
}

export interface CatchingUpDeps extends WitnessesDeps, Clocks {
  readonly self: PeerId;
  readonly standing: Standing;
}

/** One try over all slots that are missing; whether there are none any more. */
export async function catchUp(
  deps: CatchingUpDeps,
  ask: Ask,
  { keepDeletedMs }: { readonly keepDeletedMs: number },
): Promise<boolean> {
  const { self, topology, standing } = deps;
  const { count } = ask;
  const { moves } = topology;
  const missing = moves.held(count).filter((slot) => !standing.isCaughtUp(slot, count));
  const ages = agesBy(deps, keepDeletedMs);
  // Whether what it holds may have been deleted and forgotten since is not known yet.
  if (!ages) return false;

  function isWhole(slot: number, { witnesses, lost }: Testimony): boolean {
    return moves
      .required(slot, count)
      .filter((set) => set.includes(self) && set.length > 1)
      .every((set) => {
        const learning = set.filter((peerId) => peerId === self || lost.has(peerId)).length;
        // What an older set holds is no substitute: this node may not know yet that it is closed.
        if (learning === set.length) return false;
        return set.filter((peerId) => witnesses.has(peerId)).length >= witnessesNeeded(set, learning);
      });
  }

  const others = (slot: number): PeerId[] =>
    unionOf(moves.required(slot, count)).filter((peerId) => peerId !== self);
  const heard = await hearWitnesses(deps, ask, new Map(missing.map((slot) => [slot, others(slot)])), ages);
  if (!heard) return false;
  const whole: number[] = [];
  for (const [slot, testimony] of heard) {
    if (!isWhole(slot, testimony)) continue;
    const { aside, doubtful } = await setOrphansAside(deps, ask, slot, testimony, ages);
    // What was set aside may have kept out something older that was acknowledged: that is taken the next time.
    if (aside + doubtful === 0) whole.push(slot);
  }
  await standing.caughtUp(whole.map((slot) => ({ count, slot })));
  return moves.held(count).every((slot) => standing.votes(slot, count));
}
