/**
 * What goes wrong, at the rate of an ordinary bad day: each node crashes once, loses its links once, has a slow link, a disk
 * that fails, and a clock that jumps, each once a day; once a day a machine joins, is drained, or leaves.
 */
import type { Simnet } from '../../packages/node/src/testing/simnet/index.ts';

const DAY_MS = 86_400_000;
const KINDS = ['crash', 'cut', 'half-open', 'split', 'slow', 'disk', 'clock', 'member'] as const;
type Kind = (typeof KINDS)[number];

export interface Faults {
  readonly counts: Record<Kind, number>;
  /** Does and undoes what is due; answers how long until something is again, ms. */
  step(): Promise<number>;
  /** All is well again. */
  repair(): Promise<void>;
}

/** @param rate Times the ordinary one. */
export function createFaults(sim: Simnet, onStart: (i: number) => void, rate: number): Faults {
  const random = sim.random.fork('faults');
  const nodes = sim.nodes.length;
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  const everyMs = DAY_MS / (rate * (6 * nodes + 1));
  const gap = () => everyMs * -Math.log(1 - random.float());
  let strikeAt = sim.clock.monotonic() + gap();
  /** What ends by itself. */
  const until: { readonly at: number; readonly undo: () => Promise<void> | void }[] = [];
  const cuts = new Set<string>();

  const short = () => 2_000 + random.float() * 58_000;
  const later = (ms: number, undo: () => Promise<void> | void) =>
    void until.push({ at: sim.clock.monotonic() + ms, undo });

  function applyCuts(): void {
    sim.heal();
    for (const cut of cuts) {
      const [from = 0, to = 0] = cut.split('>').map(Number);
      sim.cut(from, to);
    }
  }

  function cutFor(pairs: readonly string[], ms: number): void {
    for (const pair of pairs) cuts.add(pair);
    applyCuts();
    later(ms, () => {
      for (const pair of pairs) cuts.delete(pair);
      applyCuts();
    });
  }

  async function start(i: number): Promise<void> {
    if (sim.isUp(i)) return;
    try {
      await sim.start(i);
      onStart(i);
    } catch (error) {
      // Its disk still fails: whoever supervises it tries again.
      sim.trace.add(`node${i} did not start: ${String((error as { code?: string }).code)}`);
      later(5_000, () => start(i));
    }
  }

  async function strike(): Promise<void> {
    const kind = random.chance(1 / (6 * nodes + 1)) ? 'member' : random.pick(KINDS.slice(0, 7));
    const i = random.below(nodes);
    const others = Array.from({ length: nodes }, (_, j) => j).filter((j) => j !== i);
    counts[kind]++;
    sim.trace.add(`fault ${kind} node${i}`);
    if (kind === 'crash') {
      if (!sim.isUp(i)) return;
      await sim.crash(i);
      later(short() * 2, () => start(i));
    } else if (kind === 'cut') {
      cutFor(
        others.flatMap((j) => [`${i}>${j}`, `${j}>${i}`]),
        short(),
      );
    } else if (kind === 'half-open') {
      const j = random.pick(others);
      cutFor([`${i}>${j}`], short());
    } else if (kind === 'split') {
      const side = new Set(others.filter(() => random.chance(0.5)));
      const pairs = others.flatMap((j) =>
        side.has(j)
          ? [...others, i].filter((k) => !side.has(k)).flatMap((k) => [`${j}>${k}`, `${k}>${j}`])
          : [],
      );
      cutFor(pairs, short() / 2);
    } else if (kind === 'slow') {
      const j = random.pick(others);
      sim.links.slow(i, j, 20 + random.float() * 200);
      later(short(), () => sim.links.slow(i, j, 1));
    } else if (kind === 'disk') {
      const disk = sim.disks[i];
      if (!disk) return;
      const what = random.pick(['failing', 'full', 'slow'] as const);
      if (what === 'slow') disk.commitMs = 20 + random.float() * 300;
      else disk[what] = true;
      later(short() / 2, () => {
        if (what === 'slow') disk.commitMs = 0.5;
        else disk[what] = false;
      });
    } else if (kind === 'clock') {
      const clock = sim.clocks[i];
      if (clock) clock.skewMs = (random.float() * 2 - 1) * random.pick([200, 2_000, 8_000]);
    } else await changeMembers(i);
  }

  /** One machine at a time, out or back in, and only while no move is under way: what an operator looks at first. */
  async function changeMembers(i: number): Promise<void> {
    const { peerId } = sim.nodes[i] ?? {};
    const atRest = sim.nodes.every(({ records }, j) => {
      const { open, unsettled } = records.moves();
      return sim.isUp(j) && open + unsettled === 0;
    });
    if (peerId === undefined || !atRest) return;
    try {
      await sim.change(
        (before) => {
          const listed = before.find((member) => member.peerId === peerId);
          if (!listed)
            return sim.system.members([...before.map((member) => ({ peerId: member.peerId })), { peerId }]);
          if (before.length <= nodes - 3) return before;
          return before.filter((member) => member !== listed);
        },
        sim.nodes.findIndex((_, j) => sim.isUp(j)),
      );
    } catch (error) {
      sim.trace.add(`members unchanged ${String((error as { code?: string }).code)}`);
    }
  }

  return {
    counts,
    async step() {
      const now = sim.clock.monotonic();
      for (const one of until.filter(({ at }) => at <= now)) {
        until.splice(until.indexOf(one), 1);
        await one.undo();
      }
      if (now >= strikeAt) {
        await strike();
        strikeAt = sim.clock.monotonic() + gap();
      }
      return Math.max(1, Math.min(strikeAt, ...until.map(({ at }) => at)) - sim.clock.monotonic());
    },
    async repair() {
      for (const disk of sim.disks) Object.assign(disk, { failing: false, full: false, commitMs: 0.5 });
      for (const { undo } of until.splice(0)) await undo();
      cuts.clear();
      sim.heal();
      sim.links.healAll();
      for (const clock of sim.clocks) clock.skewMs = 0;
      for (let i = 0; i < nodes; i++) await start(i);
    },
  };
}
