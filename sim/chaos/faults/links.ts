/** Links that are cut, both ways or one, split, slow, or break off. */
import { createCuts, type Way } from '../../cuts.ts';
import { type Fault, type Ground, othersThan, short } from './ground.ts';

export type LinkKind = 'cut' | 'broken connection' | 'half-open' | 'split' | 'slow';

export function linkFaults(ground: Ground): Record<LinkKind, Fault> {
  const { sim, random, later } = ground;
  const cuts = createCuts(sim);

  function cutFor(ways: readonly Way[], ms: number): true {
    const held = cuts.hold(ways);
    later(ms, () => held[Symbol.dispose]());
    return true;
  }
  const bothWays = (a: number, b: number): Way[] => [
    [a, b],
    [b, a],
  ];

  return {
    cut: (i) =>
      cutFor(
        othersThan(ground, i).flatMap((j) => bothWays(i, j)),
        short(random),
      ),
    async 'broken connection'(i) {
      // What was on its way is lost, and is asked again on another one.
      const other = sim.nodes[random.pick(othersThan(ground, i))];
      if (!other || !sim.isUp(i)) return false;
      await sim.nodes[i]?.net.hangUp(other.peerId);
      return true;
    },
    'half-open': (i) => cutFor([[i, random.pick(othersThan(ground, i))]], short(random)),
    split(i) {
      const others = othersThan(ground, i);
      const there = new Set(others.filter(() => random.chance(0.5)));
      const here = [...others, i].filter((j) => !there.has(j));
      const ways = [...there].flatMap((j) => here.flatMap((k) => bothWays(j, k)));
      return cutFor(ways, short(random) / 2);
    },
    slow(i) {
      const j = random.pick(othersThan(ground, i));
      // Some so slow that whoever waits gives up.
      const factor = random.chance(0.3) ? 1_000 + random.float() * 9_000 : 20 + random.float() * 200;
      sim.links.slow(i, j, factor);
      later(short(random), () => sim.links.slow(i, j, 1));
      return true;
    },
  };
}
