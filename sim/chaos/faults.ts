/**
 * What goes wrong, at the rate of an ordinary bad day: each node crashes once, loses its links once, has a connection that
 * breaks off, a half-open link, a split, a slow link, a disk that fails, a clock that jumps, or is hours off (half of the time from
 * a start on), a disk that is lost, one that is restored from an old copy and a flipped bit on it, each once a day; once a day a
 * machine joins or leaves.
 */
import type { Member } from '@p2pos/protocol';
import type { Simnet } from '../../packages/node/src/testing/simnet/index.ts';
import { createCuts, type Way } from '../cuts.ts';
import { isAtRest, isListed, type Wounds } from './wounds.ts';

const DAY_MS = 86_400_000;
const HOURS_OFF_MS = 7_200_000;
const KINDS = [
  'crash',
  'cut',
  'broken connection',
  'half-open',
  'split',
  'slow',
  'disk',
  'clock',
  'hours off',
  'lost disk',
  'old copy',
  'flipped bit',
] as const;
type Kind = (typeof KINDS)[number] | 'member';

/** Between two looks of an operator whether the members may be changed now. */
const OPERATOR_WAIT_MS = 10_000;

export interface Faults {
  readonly counts: Record<Kind, number>;
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
  const kinds = KINDS.filter((kind) => !only || only.includes(kind));
  const counts = Object.fromEntries([...KINDS, 'member'].map((kind) => [kind, 0])) as Record<Kind, number>;
  const everyMs = DAY_MS / (rate * (KINDS.length * nodes + 1));
  const gap = () => everyMs * -Math.log(1 - random.float());
  let strikeAt = sim.clock.monotonic() + gap();
  /** What ends by itself. */
  const until: { readonly at: number; readonly undo: () => Promise<void> | void }[] = [];
  const cuts = createCuts(sim);
  let over = false;
  /** Whose clock is hours off: one at a time, since most must be right. */
  let off: number | undefined;

  const short = () => 2_000 + random.float() * 58_000;
  const later = (ms: number, undo: () => Promise<void> | void) =>
    void until.push({ at: sim.clock.monotonic() + ms, undo });

  function cutFor(ways: readonly Way[], ms: number): void {
    const held = cuts.hold(ways);
    later(ms, () => held[Symbol.dispose]());
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
    const kind = !only && random.chance(1 / (KINDS.length * nodes + 1)) ? 'member' : random.pick(kinds);
    const i = random.below(nodes);
    const others = Array.from({ length: nodes }, (_, j) => j).filter((j) => j !== i);
    if (await did(kind, i, others)) counts[kind]++;
    else if (kind === 'member') later(OPERATOR_WAIT_MS, () => changeLater(i));
  }

  /** An operator waits until it can be done. */
  async function changeLater(i: number): Promise<void> {
    if (over) return;
    if (await changeMembers(i)) counts.member++;
    else later(OPERATOR_WAIT_MS, () => changeLater(i));
  }

  /** Whether there was anything to do. */
  async function did(kind: Kind, i: number, others: readonly number[]): Promise<boolean> {
    sim.trace.add(`fault ${kind} node${i}`);
    if (kind === 'lost disk') return replaceDisk(i);
    if (kind === 'old copy') return copyDisk(i);
    if (kind === 'flipped bit') return flipBit(i);
    if (kind === 'member') return changeMembers(i);
    if (kind === 'hours off') return putOff(i);
    if (kind === 'crash') {
      if (!sim.isUp(i)) return false;
      await sim.crash(i);
      later(short() * 2, () => start(i));
    } else if (kind === 'cut') {
      cutFor(
        others.flatMap((j): Way[] => [
          [i, j],
          [j, i],
        ]),
        short(),
      );
    } else if (kind === 'broken connection') {
      // What was on its way is lost, and is asked again on another one.
      const other = sim.nodes[random.pick(others)];
      if (sim.isUp(i) && other) await sim.nodes[i]?.net.hangUp(other.peerId);
    } else if (kind === 'half-open') {
      const j = random.pick(others);
      cutFor([[i, j]], short());
    } else if (kind === 'split') {
      const side = new Set(others.filter(() => random.chance(0.5)));
      const pairs = others.flatMap((j) =>
        side.has(j)
          ? [...others, i]
              .filter((k) => !side.has(k))
              .flatMap((k): Way[] => [
                [j, k],
                [k, j],
              ])
          : [],
      );
      cutFor(pairs, short() / 2);
    } else if (kind === 'slow') {
      const j = random.pick(others);
      sim.links.slow(i, j, 20 + random.float() * 200);
      later(short(), () => sim.links.slow(i, j, 1));
    } else if (kind === 'disk') {
      const disk = sim.disks[i];
      if (!disk) return false;
      const what = random.pick(['failing', 'full', 'slow'] as const);
      if (what === 'slow') disk.commitMs = 20 + random.float() * 300;
      else disk[what] = true;
      later(short() / 2, () => {
        if (what === 'slow') disk.commitMs = 0.5;
        else disk[what] = false;
      });
    } else if (kind === 'clock') {
      const clock = sim.clocks[i];
      if (clock && off !== i) clock.skewMs = (random.float() * 2 - 1) * random.pick([200, 2_000, 8_000]);
    }
    return true;
  }

  async function putOff(i: number): Promise<boolean> {
    const clock = sim.clocks[i];
    if (!clock || off !== undefined || !sim.isUp(i)) return false;
    off = i;
    const before = clock.skewMs;
    const fromStart = random.chance(0.5);
    if (fromStart) await sim.crash(i);
    clock.skewMs = random.pick([-1, 1]) * HOURS_OFF_MS * (0.5 + random.float());
    if (fromStart) await start(i);
    later(short() * 2, () => {
      clock.skewMs = before;
      off = undefined;
    });
    return true;
  }

  /** Of one that is a member, so that it has something to lose. */
  async function replaceDisk(i: number, image?: Uint8Array): Promise<boolean> {
    if (over || !isListed(sim, i) || wounds.open(sim)) return false;
    await sim.crash(i);
    sim.replaceDisk(i, image);
    wounds.disk(i);
    sim.trace.add(`node${i} ${image ? 'has an old copy of its disk' : 'lost its disk'}`);
    later(short(), () => start(i));
    return true;
  }

  /** Now the copy, later the accident; counted then. */
  function copyDisk(i: number): boolean {
    const image = sim.disk(i).image();
    later(120_000 + random.float() * 600_000, async () => {
      if (await replaceDisk(i, image)) counts['old copy']++;
    });
    return false;
  }

  function flipBit(i: number): boolean {
    if (!isListed(sim, i) || wounds.open(sim)) return false;
    const rows = sim
      .disk(i)
      .peek<{ id: number; value: Uint8Array }>(
        'SELECT id, value FROM records WHERE length(value) > 0 ORDER BY id',
      );
    if (rows.length === 0) return false;
    const { id, value } = random.pick(rows);
    const flipped = new Uint8Array(value);
    const at = random.below(flipped.length);
    flipped[at] = (flipped[at] as number) ^ (1 << random.below(8));
    sim.disk(i).tamper({ sql: 'UPDATE records SET value = ? WHERE id = ?', params: [flipped, id] });
    wounds.row(i, id, flipped);
    return true;
  }

  /** One machine at a time, in, out, or drained and then out, and only while no move is under way: what an operator looks at first. */
  async function changeMembers(i: number): Promise<boolean> {
    const { peerId } = sim.nodes[i] ?? {};
    if (peerId === undefined || !isAtRest(sim) || wounds.open(sim)) return false;
    const members = sim.snapshot.body.members;
    if (!isListed(sim, i))
      return change((before) =>
        sim.system.members([...before.map((member) => ({ peerId: member.peerId })), { peerId }]),
      );
    if (members.length <= nodes - 3) return false;
    const without = (before: readonly Member[]) => before.filter((member) => member.peerId !== peerId);
    if (random.chance(0.5)) {
      wounds.leaving(i);
      return change(without);
    }
    const leave = async (): Promise<void> => {
      if (isAtRest(sim) && (await change(without))) return;
      if (!over) later(OPERATOR_WAIT_MS, leave);
    };
    const drained = await change((before) =>
      before.map((member) => (member.peerId === peerId ? { ...member, draining: true } : member)),
    );
    if (drained) later(OPERATOR_WAIT_MS, leave);
    return drained;
  }

  async function change(edit: (before: readonly Member[]) => readonly Member[]): Promise<boolean> {
    try {
      await sim.change(
        edit,
        sim.nodes.findIndex(
          ({ peerId }, j) =>
            sim.isUp(j) && sim.snapshot.body.members.some((member) => member.peerId === peerId),
        ),
      );
      return true;
    } catch (error) {
      sim.trace.add(`members unchanged ${String((error as { code?: string }).code)}`);
      return false;
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
      over = true;
      for (const { undo } of until.splice(0)) await undo();
      sim.heal();
      sim.links.healAll();
      for (const clock of sim.clocks) clock.skewMs = 0;
      for (let i = 0; i < nodes; i++) await start(i);
    },
  };
}
