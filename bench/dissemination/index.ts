/**
 * How a message gets to all who want it: straight from its publisher to each, as we do, or along an epidemic tree (Plumtree,
 * Leitão, Pereira and Rodrigues 2007, over views of five neighbours). Both on the simulator's links; the tree is given the
 * best case, the shortest paths from this very publisher, and no cost for what it announces lazily.
 */
import { createSeededRandom, type SeededRandom } from '../../packages/node/src/testing/seeded-random.ts';
import { createLinks, type Links } from '../../packages/node/src/testing/simnet/links.ts';
import type { BenchmarkOptions, BenchmarkReport } from '../report.ts';

const NEIGHBOURS = 5;
const MESSAGES = 200;
const BYTES = 256;
const KINDS = [
  { name: 'a LAN', medianMs: 1, loss: 0.002, retransmitMs: 200 },
  { name: 'links of 20 ms that lose 1 %', medianMs: 20, loss: 0.01, retransmitMs: 200 },
  { name: 'links of 20 ms that lose 10 %', medianMs: 20, loss: 0.1, retransmitMs: 200 },
];

/** By node: whom it has the message from; the publisher, 0, from nobody. */
type Parents = readonly (number | undefined)[];

export async function run({ rounds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const series: { measure: string; candidate: string; values: number[] }[] = [];
  const record = (measure: string, candidate: string, value: number) => {
    const found = series.find((one) => one.measure === measure && one.candidate === candidate);
    if (found) found.values.push(value);
    else series.push({ measure, candidate, values: [value] });
  };
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    for (const nodes of [20, 50, 256]) {
      for (const kind of KINDS) {
        const random = createSeededRandom(`dissemination ${round} ${nodes} ${kind.name}`);
        const links = createLinks(random.fork('links'), kind);
        const ways: Readonly<Record<string, Parents>> = {
          direct: Array.from({ length: nodes }, (_, i) => (i === 0 ? undefined : 0)),
          'epidemic tree': treeOf(nodes, random, links),
        };
        for (const [name, parents] of Object.entries(ways)) {
          const times = Array.from({ length: MESSAGES }, () => arrivals(parents, links)).flat();
          const sorted = times.sort((a, b) => a - b);
          const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
          record(`p50 ms, ${nodes} nodes, ${kind.name}`, name, at(0.5));
          record(`p99 ms, ${nodes} nodes, ${kind.name}`, name, at(0.99));
        }
        if (kind !== KINDS[0]) continue;
        for (const [name, parents] of Object.entries(ways)) {
          record(
            `bytes sent by the publisher for ${BYTES}, ${nodes} nodes`,
            name,
            BYTES * parents.filter((one) => one === 0).length,
          );
          record(
            `% that wait for a repair when a tenth dies, ${nodes} nodes`,
            name,
            orphaned(parents, random),
          );
        }
      }
    }
  }
  return { versions: { neighbours: `${NEIGHBOURS}` }, baseline: 'direct', series };
}

/** Shortest paths over views drawn at random, by the links' usual latency. */
function treeOf(nodes: number, random: SeededRandom, links: Links): Parents {
  const near = Array.from({ length: nodes }, () => new Set<number>());
  for (let i = 0; i < nodes; i++) {
    while ((near[i] as Set<number>).size < NEIGHBOURS) {
      const other = random.below(nodes);
      if (other === i) continue;
      near[i]?.add(other);
      near[other]?.add(i);
    }
  }
  const usual = (a: number, b: number) => Math.min(...Array.from({ length: 8 }, () => links.latencyMs(a, b)));
  const parents: (number | undefined)[] = new Array(nodes).fill(undefined);
  const reached = new Map([[0, 0]]);
  const done = new Set<number>();
  while (done.size < nodes) {
    const open = [...reached].filter(([node]) => !done.has(node));
    const next = open.reduce((least, one) => (one[1] < least[1] ? one : least));
    done.add(next[0]);
    for (const other of near[next[0]] as Set<number>) {
      const at = next[1] + usual(next[0], other);
      if (done.has(other) || at >= (reached.get(other) ?? Number.POSITIVE_INFINITY)) continue;
      reached.set(other, at);
      parents[other] = next[0];
    }
  }
  return parents;
}

/** When each has one message, ms after it was published. */
function arrivals(parents: Parents, links: Links): number[] {
  const times = new Map([[0, 0]]);
  const at = (node: number): number => {
    let time = times.get(node);
    if (time === undefined) {
      const parent = parents[node] as number;
      time = at(parent) + links.latencyMs(parent, node);
      times.set(node, time);
    }
    return time;
  };
  return parents.slice(1).map((_, i) => at(i + 1));
}

/** Of those that live: the share whose way leads through one that died. */
function orphaned(parents: Parents, random: SeededRandom): number {
  const dead = new Set<number>();
  while (dead.size < parents.length / 10) dead.add(1 + random.below(parents.length - 1));
  const cutOff = (node: number): boolean => {
    const parent = parents[node];
    return parent !== undefined && (dead.has(parent) || cutOff(parent));
  };
  const living = parents.map((_, i) => i).filter((i) => i > 0 && !dead.has(i));
  return (100 * living.filter(cutOff).length) / living.length;
}
