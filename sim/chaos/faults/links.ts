/** Links that are cut, both ways or one, split, slow, or break off. */
import { createCuts, type Way } from '../../cuts.ts';
import { type Fault, type Ground, othersThan, short } from './ground.ts';
import { fellowOf } from './targets.ts';

export type LinkKind = 'cut' | 'broken connection' | 'half-open' | 'split' | 'slow';

export function linkFaults(ground: Ground): Record<LinkKind, Fault> {
  const { sim, random, later } = ground;
  const cuts = createCuts(sim);

  function cutFor(ways: readonly Way[], ms: number): true {
    const held = cuts.hold(ways);
    later(ms, () => held[Symbol.dispose]());
    return true;
  }
  /** Half of the time one that holds a key which it holds too. */
  const partnerOf = (i: number) =>
    (random.chance(0.5) ? fellowOf(ground, i) : undefined) ?? random.pick(othersThan(ground, i));
  /** A third of the time all others. */
  const partnersOf = (i: number) => (random.chance(1 / 3) ? othersThan(ground, i) : [partnerOf(i)]);
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
      const other = sim.nodes[partnerOf(i)];
      if (!other || !sim.isUp(i)) return false;
      await sim.nodes[i]?.net.hangUp(other.peerId);
      return true;
    },
    'half-open'(i) {
      const isDeaf = random.chance(0.5);
      return cutFor(
        partnersOf(i).map((j): Way => (isDeaf ? [j, i] : [i, j])),
        short(random),
      );
    },
    split(i) {
      const others = othersThan(ground, i);
      const there = new Set(others.filter(() => random.chance(0.5)));
      const here = [...others, i].filter((j) => !there.has(j));
      const ways = [...there].flatMap((j) => here.flatMap((k) => bothWays(j, k)));
      return cutFor(ways, short(random) / 2);
    },
    slow(i) {
      const partners = partnersOf(i);
      // Some so slow that whoever waits gives up.
      const factor = random.chance(0.3) ? 1_000 + random.float() * 9_000 : 20 + random.float() * 200;
      for (const j of partners) sim.links.slow(i, j, factor);
      later(short(random), () => {
        for (const j of partners) sim.links.slow(i, j, 1);
      });
      return true;
    },
  };
}
