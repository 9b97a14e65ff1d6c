/** Machines that join, leave, or are drained and then leave, one at a time; and what is worst to happen while slots move. */
import type { Member } from '@p2pos/protocol';
import { isAtRest, isListed } from '../wounds.ts';
import type { Ground } from './ground.ts';
import { movedBetween } from './targets.ts';

/** Between two looks of an operator whether the members may be changed now. */
const OPERATOR_WAIT_MS = 10_000;

export function memberFault(
  ground: Ground,
  /** Told of nodes that give or take what moves. */
  onMove: (nodes: readonly number[]) => void,
): (i: number) => Promise<boolean> {
  const { sim, random, wounds, later, count } = ground;

  /** Only while no move is under way: what an operator looks at first. */
  async function changeMembers(i: number): Promise<boolean> {
    const { peerId } = sim.nodes[i] ?? {};
    if (peerId === undefined || !isAtRest(sim) || wounds.open(sim)) return false;
    const members = sim.snapshot.body.members;
    if (!isListed(sim, i))
      // The others go on to be drained.
      return change((before) => [...before, ...sim.system.members([{ peerId }])]);
    if (members.length <= sim.nodes.length - 3) return false;
    const without = (before: readonly Member[]) => before.filter((member) => member.peerId !== peerId);
    if (random.chance(0.5)) {
      wounds.leaving(i);
      return change(without);
    }
    const leave = async (): Promise<void> => {
      const mayLeave = isAtRest(sim) && !wounds.open(sim);
      if (ground.isOver() || !isListed(sim, i) || (mayLeave && (await change(without)))) return;
      later(OPERATOR_WAIT_MS, leave);
    };
    const drained = await change((before) =>
      before.map((member) => (member.peerId === peerId ? { ...member, draining: true } : member)),
    );
    if (drained) later(OPERATOR_WAIT_MS, leave);
    return drained;
  }

  async function change(edit: (before: readonly Member[]) => readonly Member[]): Promise<boolean> {
    const at = sim.nodes.findIndex((_, j) => sim.isUp(j) && !sim.clocks[j]?.frozen && isListed(sim, j));
    try {
      await sim.change(edit, at);
    } catch (error) {
      sim.trace.add(`members unchanged ${String((error as { code?: string }).code)}`);
      return false;
    }
    count('member');
    onMove(movedBetween(ground));
    return true;
  }

  /** An operator waits until it can be done. */
  return async function later_(i) {
    if (ground.isOver()) return false;
    if (!(await changeMembers(i))) later(OPERATOR_WAIT_MS, async () => void (await later_(i)));
    return false;
  };
}
