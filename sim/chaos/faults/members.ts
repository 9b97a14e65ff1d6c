/**
 * Machines that join, leave, or are drained and then leave; some that are taken out by mistake, and put back; and what is worst
 * to happen while slots move.
 */
import type { Member } from '@p2pos/protocol';
import { isAtRest, isListed } from '../wounds.ts';
import type { Ground } from './ground.ts';
import { movedBetween, randomHolders } from './targets.ts';

/** Between two looks of an operator whether the members may be changed now. */
const OPERATOR_WAIT_MS = 10_000;
const MOST_GONE = 3;
/** As long as it takes an operator to notice, ms. */
const MISTAKE_MS = { least: 20_000, most: 240_000 } as const;

export function memberFault(
  ground: Ground,
  /** Told of nodes that give or take what moves. */
  onMove: (nodes: readonly number[]) => void,
): (i: number) => Promise<boolean> {
  const { sim, random, wounds, later, count } = ground;

  /** No copy is missing and none moves: what an operator looks at before a machine goes. */
  const isQuiet = () => isAtRest(sim) && !wounds.open(sim);

  /** A machine may come and one other be drained whatever moves; only what is whole may lose one. */
  async function changeMembers(i: number): Promise<boolean> {
    const { peerId } = sim.nodes[i] ?? {};
    if (peerId === undefined) return false;
    const members = sim.snapshot.body.members;
    if (!isListed(sim, i))
      // The others go on to be drained.
      return change((before) => [...before, ...sim.system.members([{ peerId }])]);
    // One after another: who would drain all?
    if (members.some(({ draining }) => draining)) return false;
    const without = (before: readonly Member[]) => before.filter((member) => member.peerId !== peerId);
    if (random.chance(0.5)) {
      if (!isQuiet()) return false;
      wounds.leaving(sim, i);
      return change(without);
    }
    const leave = async (): Promise<void> => {
      if (ground.isOver() || !isListed(sim, i) || (isQuiet() && (await change(without)))) return;
      later(OPERATOR_WAIT_MS, leave);
    };
    const drained = await change((before) =>
      before.map((member) => (member.peerId === peerId ? { ...member, draining: true } : member)),
    );
    if (drained) later(OPERATOR_WAIT_MS, leave);
    return drained;
  }

  /** One that holds a key of the clients, whatever else is wrong: what it alone holds waits for it. */
  async function mistake(): Promise<boolean> {
    const { now } = randomHolders(ground);
    const { peerId } = (now.length > 0 && sim.nodes[random.pick(now)]) || {};
    if (peerId === undefined) return false;
    if (!(await change((before) => before.filter((member) => member.peerId !== peerId)))) return false;
    count('mistake');
    const undo = () =>
      change((before) =>
        before.some((member) => member.peerId === peerId)
          ? before
          : [...before, ...sim.system.members([{ peerId }])],
      );
    let undone = false;
    const tryToUndo = async (): Promise<void> => {
      undone ||= await undo();
      if (!undone && !ground.isOver()) later(OPERATOR_WAIT_MS, tryToUndo);
    };
    ground.lastly(tryToUndo);
    later(MISTAKE_MS.least + random.float() * (MISTAKE_MS.most - MISTAKE_MS.least), tryToUndo);
    return true;
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

  /** When three are gone, another comes in. */
  function chosen(i: number): number {
    const gone = [...sim.nodes.keys()].filter((j) => !isListed(sim, j));
    return gone.length < MOST_GONE ? i : random.pick(gone);
  }

  let waits = false;
  async function tryAgain(i: number): Promise<void> {
    waits = !ground.isOver() && !(await changeMembers(i));
    if (waits) later(OPERATOR_WAIT_MS, () => tryAgain(i));
  }

  /** An operator waits until it can be done, and does one thing at a time. */
  return async function member(i) {
    if (ground.isOver()) return false;
    if (random.chance(0.2)) await mistake();
    else if (!waits) await tryAgain(chosen(i));
    return false;
  };
}
