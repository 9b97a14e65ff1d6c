/** Processes that die, each for itself, at a commit or all at once, or stand still for a while; and clocks that are wrong. */
import { type Fault, type Ground, short } from './ground.ts';

export type ProcessKind =
  | 'crash'
  | 'crash at commit'
  | 'error at commit'
  | 'crash all'
  | 'pause'
  | 'clock'
  | 'hours off';

const HOURS_OFF_MS = 7_200_000;
const FORGOTTEN_MS = 60_000;
const LONG_MS = 600_000;
/** Among so many commits one is chosen: those of a key's write, of a move, or of a start. */
const COMMITS = 20;

export function processFaults(ground: Ground): Record<ProcessKind, Fault> {
  const { sim, random, later, start, count } = ground;
  /** Whose clock is hours off: one at a time, since most must be right. */
  let off: number | undefined;

  /** Counted when it is met. */
  function arm(i: number, answer: 'none' | 'failure'): false {
    const disk = sim.disks[i];
    if (!disk || disk.fate) return false;
    disk.fate = {
      commits: 1 + random.below(COMMITS),
      applied: random.chance(0.5),
      answer,
      met() {
        const [kind, end] =
          answer === 'none'
            ? (['crash at commit', sim.crash] as const)
            : (['error at commit', sim.stop] as const);
        sim.trace.add(`node${i} ${kind}`);
        count(kind);
        // Of an error a process ends in good order; it is dead at once where it may not even say that much.
        if (answer === 'none') void end(i);
        else later(0, () => end(i));
        later(1 + short(random) / 2, () => start(i));
      },
    };
    return false;
  }

  return {
    async crash(i) {
      if (!sim.isUp(i)) return false;
      await sim.crash(i);
      // Some longer than deletions are remembered.
      const awayMs = random.chance(0.1) ? LONG_MS * (0.5 + random.float()) : short(random) * 2;
      later(awayMs, () => start(i));
      return true;
    },
    'crash at commit': (i) => arm(i, 'none'),
    'error at commit': (i) => arm(i, 'failure'),
    async 'crash all'() {
      for (const [i] of sim.nodes.entries()) {
        await sim.crash(i);
        later(short(random), () => start(i));
      }
      return true;
    },
    pause(i) {
      if (!sim.isUp(i) || sim.clocks[i]?.frozen) return false;
      const pause = sim.pause(i);
      later(5_000 + 55_000 * random.float(), () => pause[Symbol.dispose]());
      return true;
    },
    clock(i) {
      const clock = sim.clocks[i];
      if (!clock || off === i) return false;
      clock.skewMs = (random.float() * 2 - 1) * random.pick([200, 2_000, 8_000]);
      return true;
    },
    async 'hours off'(i) {
      const clock = sim.clocks[i];
      if (!clock || off !== undefined || !sim.isUp(i)) return false;
      off = i;
      const before = clock.skewMs;
      const fromStart = random.chance(0.5);
      if (fromStart) await sim.crash(i);
      clock.skewMs = random.pick([-1, 1]) * HOURS_OFF_MS * (0.5 + random.float());
      if (fromStart) await start(i);
      later(short(random) * 2, () => {
        clock.skewMs = before;
        // Until it is heard again nobody knows that it is right.
        later(FORGOTTEN_MS, () => {
          off = undefined;
        });
      });
      return true;
    },
  };
}
