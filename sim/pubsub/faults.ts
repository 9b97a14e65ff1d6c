/** Kills and cuts, and a memory of which nodes could reach each other when. */
import type { Simnet } from '../../packages/node/src/testing/simnet/index.ts';
import { createCuts, type Way } from '../cuts.ts';
import type { Link } from './checker.ts';

const KINDS = ['kill', 'cut', 'half-open', 'split', 'slow'] as const;
type Kind = (typeof KINDS)[number];

export interface Faults {
  readonly counts: Record<Kind, number>;
  readonly links: Link;
  /** Does and undoes what is due; answers how long until something is again, ms. */
  step(): Promise<number>;
  repair(): Promise<void>;
}

/** At the ordinary rate one fault in six seconds. */
const EVERY_MS = 6_000;

interface Pause {
  readonly from: number;
  to: number;
}

export function createFaults(
  sim: Simnet,
  rate: number,
  { onCrash, onStart }: { readonly onCrash: (i: number) => void; readonly onStart: (i: number) => void },
): Faults {
  const random = sim.random.fork('faults');
  const nodes = sim.nodes.length;
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  const gap = () => (EVERY_MS / rate) * -Math.log(1 - random.float());
  let strikeAt = sim.clock.monotonic() + gap();
  let until: { readonly at: number; readonly undo: () => Promise<void> | void }[] = [];
  const cuts = createCuts(sim);
  /** By pair of nodes; a node that is down is away from all. */
  const pauses = new Map<string, Pause[]>();
  const downs = new Map<number, Pause[]>();

  const pairOf = (a: number, b: number) => (a < b ? `${a}-${b}` : `${b}-${a}`);
  const note = <K>(map: Map<K, Pause[]>, key: K, pause: Pause) => {
    const list = map.get(key);
    if (list) list.push(pause);
    else map.set(key, [pause]);
  };
  const later = (ms: number, undo: () => Promise<void> | void) =>
    void until.push({ at: sim.clock.monotonic() + ms, undo });

  function cutFor(ways: readonly Way[], ms: number): void {
    const noted = new Set<string>();
    const now = sim.clock.monotonic();
    for (const [from, to] of ways) {
      const pair = pairOf(from, to);
      if (!noted.has(pair)) note(pauses, pair, { from: now, to: now + ms });
      noted.add(pair);
    }
    const held = cuts.hold(ways);
    later(ms, () => held[Symbol.dispose]());
  }

  async function start(i: number): Promise<void> {
    if (sim.isUp(i)) return;
    await sim.start(i);
    const down = downs.get(i)?.at(-1);
    if (down) down.to = sim.clock.monotonic();
    onStart(i);
  }

  async function strike(): Promise<void> {
    const kind = random.pick(KINDS);
    const i = random.below(nodes);
    const others = Array.from({ length: nodes }, (_, j) => j).filter((j) => j !== i);
    const j = random.pick(others);
    // Half of them so short that nothing may be lost.
    const ms = random.chance(0.5) ? 500 + 5_000 * random.float() : 5_000 + 50_000 * random.float();
    const enough = sim.isUp(i) && sim.nodes.filter((_, k) => sim.isUp(k)).length >= nodes * 0.75;
    if (kind === 'kill' && !enough) return;
    counts[kind]++;
    sim.trace.add(`fault ${kind} node${i}`);
    if (kind === 'kill') {
      onCrash(i);
      note(downs, i, { from: sim.clock.monotonic(), to: Number.POSITIVE_INFINITY });
      await sim.crash(i);
      later(ms, () => start(i));
    } else if (kind === 'cut') {
      cutFor(
        others.flatMap((k) => [
          [i, k],
          [k, i],
        ]),
        ms,
      );
    } else if (kind === 'half-open') cutFor([[i, j]], ms);
    else if (kind === 'split') {
      const side = new Set([i, ...others.filter(() => random.chance(0.5))]);
      const pairs = [...side].flatMap((a) => others.filter((b) => !side.has(b)).map((b) => [a, b] as const));
      cutFor(
        pairs.flatMap(([a, b]) => [
          [a, b],
          [b, a],
        ]),
        ms / 2,
      );
    } else {
      sim.links.slow(i, j, 10 + random.float() * 50);
      later(ms, () => sim.links.slow(i, j, 1));
    }
  }

  return {
    counts,
    links: {
      linked(a, b, from, to, ms) {
        const meets = (pause: Pause) => pause.to > from && pause.from < to;
        for (const node of [a, b]) if (downs.get(node)?.some(meets)) return false;
        const met = (pauses.get(pairOf(a, b)) ?? []).filter(meets).sort((x, y) => x.from - y.from);
        // Those that touch or come close after each other are one.
        let length = 0;
        let end = Number.NEGATIVE_INFINITY;
        for (const pause of met) {
          if (pause.from > end + 20_000) length = 0;
          length += Math.max(0, pause.to - Math.max(end, pause.from));
          end = Math.max(end, pause.to);
          if (length >= ms) return false;
        }
        return true;
      },
    },
    async step() {
      const now = sim.clock.monotonic();
      const due = until.filter(({ at }) => at <= now);
      until = until.filter(({ at }) => at > now);
      for (const { undo } of due) await undo();
      if (now >= strikeAt) {
        await strike();
        strikeAt = sim.clock.monotonic() + gap();
      }
      return Math.max(1, Math.min(strikeAt, ...until.map(({ at }) => at)) - sim.clock.monotonic());
    },
    async repair() {
      for (const { undo } of until.splice(0)) await undo();
      sim.heal();
      sim.links.healAll();
      for (let i = 0; i < nodes; i++) await start(i);
    },
  };
}
