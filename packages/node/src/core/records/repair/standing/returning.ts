/**
 * How a node that was removed and is listed again comes back to slots of which it holds what may be long deleted. Where
 * a set of before its absence, with it in it, is still needed, deletions have waited for it, and it counts as if it had only
 * been away. Where that set is closed, others have all that was acknowledged: what they do not know is set aside, and it counts
 * as one that has just been given the slot.
 */
import type { PeerId } from '../../../net/index.ts';
import type { Store } from '../../../store/index.ts';
import { agesBy, type Clocks } from '../../clock/ages.ts';
import { learnProgress, type Progress, type ProgressDeps } from '../../handover/progress.ts';
import type { Hearing } from '../../placement/moves.ts';
import { unionOf } from '../../placement/quorum.ts';
import type { Ask } from '../reconciliation/syncing.ts';
import type { PlacedSlot } from './memory.ts';
import type { Standing } from './standing.ts';
import { hearWitnesses, setOrphansAside, type WitnessesDeps } from './witnesses.ts';

export interface ReturningDeps extends WitnessesDeps, ProgressDeps, Clocks {
  readonly standing: Pick<Standing, 'returns'>;
  readonly store: Pick<Store, 'read'>;
  /** Whether records may lie here of slots that only others hold now. */
  readonly liesAstray: () => boolean;
}

export interface ReturningConfig {
  readonly timeoutMs: number;
  /** What is younger was not forgotten when it was deleted. */
  readonly oldMs: number;
  /** Whether the disk has kept where this node has to come back. */
  readonly isKept: boolean;
}

const HOLDS_ANY = 'SELECT 1 FROM records WHERE replicas = ? AND slot = ? LIMIT 1';

/** One try over all slots of the ring. */
export async function comeBack(
  deps: ReturningDeps,
  ask: Ask,
  { timeoutMs, oldMs, isKept }: ReturningConfig,
): Promise<void> {
  const { topology, store, liesAstray, log } = deps;
  const { returns } = deps.standing;
  const { count } = ask;
  const { moves } = topology;
  const slots = returns.all().filter((one) => one.count === count);
  const ages = agesBy(deps, oldMs);
  if (slots.length === 0 || !ages) return;
  const generation = topology.generation();
  const isAsked = slots.some(({ slot }) => moves.isHolder(slot, count));
  const answers = isAsked ? await learnProgress(deps, ask, { timeoutMs }) : new Map<PeerId, Progress>();
  if (generation !== topology.generation()) return;

  const needed: PlacedSlot[] = [];
  const astray: PlacedSlot[] = [];
  const open = new Map<number, Hearing>();
  for (const one of slots) {
    const { slot, epoch } = one;
    // What lies astray is given to those whose it is, or set aside, until nothing is left of it.
    if (!moves.isHolder(slot, count)) {
      if (!liesAstray()) astray.push(one);
      continue;
    }
    const tenure = moves.tenure(slot, count, epoch, (peerId) => {
      const answer = answers.get(peerId);
      return answer && !answer.unsure[slot] ? answer.settled[slot] : undefined;
    });
    if (tenure === 'unknown') continue;
    if (tenure === 'needed' || !returns.isDue(slot, count)) needed.push(one);
    else open.set(slot, tenure);
  }
  returns.excuse(needed);
  if (!isKept) return;
  await returns.finish(needed);
  for (const one of astray) {
    // It may have come to belong to others only since they were looked for.
    const rows = await store.read(HOLDS_ANY, [count, one.slot]);
    if (rows.length === 0) await returns.finish([one]);
  }

  const asked = new Map<number, readonly PeerId[]>();
  for (const [slot, { quorums }] of open) asked.set(slot, unionOf(quorums.map(({ peers }) => peers)));
  const heard = await hearWitnesses(deps, ask, asked, ages);
  if (!heard) return;
  const learned: PlacedSlot[] = [];
  for (const [slot, { isClosed, quorums }] of open) {
    const testimony = heard.get(slot);
    const isHeard = quorums.every(
      ({ peers, least }) => peers.filter((peerId) => testimony?.witnesses.has(peerId)).length >= least,
    );
    if (!testimony || !isHeard) continue;
    const { aside, doubtful } = isClosed
      ? await setOrphansAside(deps, ask, slot, testimony, ages)
      : { aside: 0, doubtful: 0 };
    if (generation !== topology.generation()) break;
    // What was set aside may have kept out something older that was acknowledged: that is taken the next time.
    if (aside + doubtful === 0) learned.push({ count, slot });
  }
  await returns.finish(learned);
  if (learned.length > 0)
    log.info(
      { action: 'came_back', slots: learned.length },
      'learned what was deleted while it was no member',
    );
}
