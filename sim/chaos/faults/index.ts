/**
 * What goes wrong, at the rate of an ordinary bad day: each node meets each kind once a day, but a change of the members only every
 * second, and all crash together once in fifty. Half of them strike who holds a key of the clients, and then half of the time
 * another who holds it within seconds; more of them strike where slots move, and who has just started.
 */
import type { Simnet } from '../../../packages/node/src/testing/simnet/index.ts';
import type { Wounds } from '../wounds.ts';
import { type DiskKind, diskFaults } from './disks.ts';
import type { Fault, Ground } from './ground.ts';
import { type LinkKind, linkFaults } from './links.ts';
import { memberFault } from './members.ts';
import { type ProcessKind, processFaults } from './processes.ts';
import { randomHolders } from './targets.ts';

const DAY_MS = 86_400_000;
type Kind = DiskKind | LinkKind | ProcessKind | 'member';
/** Times a node and day. */
const WEIGHTS: Readonly<Record<Kind, number>> = {
  crash: 1,
  'crash at commit': 1,
  'error at commit': 0.5,
  'crash all': 0.02,
  pause: 1,
  cut: 1,
  'broken connection': 1,
  'half-open': 1,
  split: 1,
  slow: 1,
  disk: 1,
  stall: 0.5,
  clock: 1,
  'hours off': 1,
  'lost disk': 1,
  'old copy': 1,
  'flipped bit': 1,
  member: 1 / 2,
};
const KINDS = Object.keys(WEIGHTS) as Kind[];
/** What strikes on purpose: nothing that loses a copy. */
const AIMED = [
  'crash',
  'crash at commit',
  'error at commit',
  'pause',
  'cut',
  'half-open',
  'slow',
  'stall',
] as const;
/** After a first strike at one of a key's replicas another is struck within this time. */
const TOGETHER_MS = 10_000;
const MOVE_MS = 30_000;

export interface Faults {
  /** What was done, by kind. */
  readonly counts: Readonly<Record<string, number>>;
  /** Does and undoes what is due; answers how long until something is again, ms. */
  step(): Promise<number>;
  /** All is well again. */
  repair(): Promise<void>;
}

export interface FaultsConfig {
  /** Times the ordinary one. */
  readonly rate: number;
  /** These kinds instead of all. */
  readonly only?: readonly string[] | undefined;
}

export function createFaults(
  sim: Simnet,
  wounds: Wounds,
  onStart: (i: number) => void,
  { rate, only }: FaultsConfig,
): Faults {
  const random = sim.random.fork('faults');
  const nodes = sim.nodes.length;
  const may = (kind: Kind) => !only || only.includes(kind);
  const weights = KINDS.filter(may).map((kind) => [kind, WEIGHTS[kind]] as const);
  const counts: Record<string, number> = Object.fromEntries(
    [...KINDS.filter(may), 'mistake', 'together', 'at a move'].map((kind) => [kind, 0]),
  );
  const everyMs = DAY_MS / (rate * nodes * Object.values(WEIGHTS).reduce((sum, weight) => sum + weight));
  const gap = () => everyMs * -Math.log(1 - random.float());
  let strikeAt = sim.clock.monotonic() + gap();
  /** What ends by itself. */
  let until: { readonly at: number; readonly run: () => Promise<void> | void }[] = [];
  const last: (() => Promise<unknown>)[] = [];
  let over = false;

  const ground: Ground = {
    sim,
    random,
    wounds,
    isOver: () => over,
    later: (ms, run) => void until.push({ at: sim.clock.monotonic() + ms, run }),
    lastly: (run) => void last.push(run),
    start,
    count: (what) => {
      counts[what] = (counts[what] ?? 0) + 1;
    },
  };
  const { later, count } = ground;
  const atCommit = () => random.pick(['crash at commit', 'error at commit'] as const);
  const faults: Record<Kind, Fault> = {
    ...linkFaults(ground),
    ...processFaults(ground),
    ...diskFaults(ground, (i) => void (random.chance(0.5) && aim(i, atCommit()))),
    member: memberFault(ground, (struck) => {
      for (const i of struck)
        if (random.chance(0.7))
          later(random.float() * MOVE_MS, async () => {
            if (await aim(i, random.pick(AIMED))) count('at a move');
          });
    }),
  };

  async function start(i: number): Promise<void> {
    if (sim.isUp(i)) return;
    try {
      await sim.start(i);
      onStart(i);
    } catch (error) {
      if (over) throw error;
      // Its disk still fails: whoever supervises it tries again.
      sim.trace.add(`node${i} did not start: ${String((error as { code?: string }).code)}`);
      later(5_000, () => start(i));
      return;
    }
    if (random.chance(0.2)) await aim(i, atCommit());
  }

  async function aim(i: number, kind: Kind): Promise<boolean> {
    if (over || !may(kind)) return false;
    sim.trace.add(`fault ${kind} node${i}`);
    const did = await faults[kind](i);
    if (did) count(kind);
    return did;
  }

  function draw(): Kind {
    let dice = random.float() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [kind, weight] of weights) {
      dice -= weight;
      if (dice < 0) return kind;
    }
    return 'crash';
  }

  async function strike(): Promise<void> {
    const kind = draw();
    const held = random.chance(0.5) ? randomHolders(ground).now : [];
    const i = held.length > 0 ? random.pick(held) : random.below(nodes);
    await aim(i, kind);
    const others = held.filter((j) => j !== i);
    if (others.length === 0 || random.chance(0.5)) return;
    const another = draw();
    const j = random.pick(others);
    if (another === kind || another === 'crash all') return;
    later(random.float() * TOGETHER_MS, async () => {
      if (await aim(j, another)) count('together');
    });
  }

  return {
    counts,
    async step() {
      const now = sim.clock.monotonic();
      const due = until.filter(({ at }) => at <= now);
      until = until.filter(({ at }) => at > now);
      for (const { run } of due) await run();
      if (now >= strikeAt) {
        await strike();
        strikeAt = sim.clock.monotonic() + gap();
      }
      return Math.max(1, Math.min(strikeAt, ...until.map(({ at }) => at)) - sim.clock.monotonic());
    },
    async repair() {
      over = true;
      for (const disk of sim.disks)
        Object.assign(disk, { failing: false, full: false, commitMs: 0.5, stalledUntil: 0, fate: undefined });
      while (until.length > 0) for (const { run } of until.splice(0)) await run();
      sim.heal();
      sim.links.healAll();
      for (const clock of sim.clocks) clock.skewMs = 0;
      for (let i = 0; i < nodes; i++) await start(i);
      for (const run of last) await run();
    },
  };
}
