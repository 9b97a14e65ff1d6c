/**
 * Liars in the hash table: a share of all ids belongs to one attacker. Asked for anything they name only each other, keep
 * nothing, and join like all others. Either their ids fall anywhere, or their keys were tried out until they surround what
 * is sought. Counts how many searches and reads they turn, with and without disjoint paths and limits per network.
 */
import { createHash } from 'node:crypto';
import { contentKeyOf, DHT_K } from '@p2pos/protocol';
import { compareDistance } from '../../packages/node/src/core/dht/index.ts';
import {
  createSwarm,
  publicAddress,
  type Swarm,
  type SwarmNode,
} from '../../packages/node/src/core/dht/testing/swarm.ts';
import type { Scenario, ScenarioInput, ScenarioResult } from '../scenario.ts';

const SHARES = [0.01, 0.1, 0.3];
const WALLS = [
  { name: 'none', paths: 1, perNetwork: Number.POSITIVE_INFINITY },
  { name: 'paths', paths: 3, perNetwork: Number.POSITIVE_INFINITY },
  { name: 'networks', paths: 1, perNetwork: 2 },
  { name: 'both', paths: 3, perNetwork: 2 },
] as const;
/** Where the attacker's machines stand, and where their ids fall. */
const ATTACKS = [
  { name: 'anywhere, 8 networks', networks: 8, near: false, values: 40 },
  { name: 'anywhere, a network each', networks: Number.POSITIVE_INFINITY, near: false, values: 40 },
  // Of 30 %, so many stand around each of these keys that no honest node is among the 20 closest.
  { name: 'at the key, 8 networks', networks: 8, near: true, values: 8 },
  { name: 'at the key, a network each', networks: Number.POSITIVE_INFINITY, near: true, values: 8 },
] as const;
const SEARCHES = 400;
const READS = 200;

export const sybil: Scenario = {
  summary: 'the hash table with 1, 10 and 30 % of the ids in one hand: searches and reads that it turns',
  defaults: { nodes: 400, hours: 1, rate: 1, churn: 0 },
  run,
};

async function run({ seed, nodes, progress }: ScenarioInput): Promise<ScenarioResult> {
  const counts: Record<string, number> = {};
  const violations: string[] = [];
  const total = ATTACKS.length * SHARES.length * WALLS.length;
  let done = 0;
  for (const attack of ATTACKS) {
    for (const share of SHARES) {
      for (const wall of WALLS) {
        const turned = await attackOnce({ seed: `${seed}`, nodes, share, attack, wall });
        const name = `${100 * share} % ${attack.name}, ${wall.name}`;
        counts[`${name}: searches turned %`] = turned.searches;
        counts[`${name}: reads turned %`] = turned.reads;
        if (wall.name === 'both' && share <= 0.1 && turned.reads > 1)
          violations.push(`${name}: ${turned.reads} % of the reads were turned`);
        progress(++done / total);
      }
    }
  }
  const trace = createHash('sha256').update(JSON.stringify(counts)).digest('hex');
  return { violations, counts, trace, tail: [] };
}

interface Attempt {
  readonly seed: string;
  readonly nodes: number;
  readonly share: number;
  readonly attack: (typeof ATTACKS)[number];
  readonly wall: (typeof WALLS)[number];
}

async function attackOnce({ seed, nodes, share, attack, wall }: Attempt) {
  const { paths, perNetwork } = wall;
  const swarm = createSwarm({ seed: `sybil ${seed}`, dht: { paths, perNetwork } });
  const { clock, random } = swarm;
  const choice = random.fork('choice');
  const values = Array.from({ length: attack.values }, () => choice.bytes(48));
  const keys = values.map((value) => contentKeyOf(value, swarm.crypto));
  const liars: SwarmNode[] = [];
  const honest: SwarmNode[] = [];
  const wanted = Math.max(1, Math.round((nodes * share) / (1 - share)));

  function addLiar(): SwarmNode {
    const number = liars.length;
    const address = publicAddress(0x10_0000 + (number % attack.networks)).replace(
      '.7/',
      `.${(number % 250) + 1}/`,
    );
    const liar = swarm.add({
      address,
      ...(attack.near && { id: idNear(keys[number % attack.values] as Uint8Array, choice) }),
    });
    liars.push(liar);
    liar.link.intercept = (_method, input: { target?: Uint8Array; key?: Uint8Array }) => {
      const target = input.target ?? input.key;
      return target ? { closer: closestLiars(swarm, liars, target), values: [] } : {};
    };
    return liar;
  }

  while (honest.length < nodes) {
    const joining: Promise<void>[] = [];
    for (let some = Math.max(1, Math.min(40, honest.length)); some > 0 && honest.length < nodes; some--) {
      // Who knows nobody honest at first cannot be helped; the other two it knows are as chance has it.
      const node = swarm.add({ knows: honest.length > 0 ? choice.pick(honest) : undefined });
      honest.push(node);
      joining.push(node.dht.join());
      if (liars.length < (wanted * honest.length) / nodes) joining.push(addLiar().dht.join());
    }
    await clock.during(Promise.allSettled(joining));
  }

  let turned = 0;
  await inTurns(clock, SEARCHES, async () => {
    const [from, target] = [choice.pick(honest), choice.pick(honest)];
    const found = await from.dht.findPeer(target.peerId).catch(() => undefined);
    if (!found) turned++;
  });
  await inTurns(clock, attack.values, async (i) => {
    await choice
      .pick(honest)
      .dht.put(values[i] as Uint8Array, { ttlMs: 3_600_000 })
      .catch(() => {});
  });
  let lost = 0;
  await inTurns(clock, READS, async (i) => {
    const value = await choice
      .pick(honest)
      .dht.get(keys[i % attack.values] as Uint8Array)
      .catch(() => undefined);
    if (!value) lost++;
  });
  const per100 = (count: number, of: number) => Number(((100 * count) / of).toFixed(2));
  return { searches: per100(turned, SEARCHES), reads: per100(lost, READS) };
}

/** Closer to the key than any honest node is. */
function idNear(key: Uint8Array, random: Swarm['random']): Uint8Array {
  const id = random.bytes(32);
  id.set(key.subarray(0, 4));
  return id;
}

function closestLiars(swarm: Swarm, liars: readonly SwarmNode[], target: Uint8Array) {
  return liars
    .toSorted((a, b) => compareDistance(swarm.idOf(a.peerId), swarm.idOf(b.peerId), target))
    .slice(0, DHT_K)
    .map(({ peerId, link }) => ({ peerId, addresses: link.addresses() }));
}

async function inTurns(
  clock: Swarm['clock'],
  count: number,
  run: (i: number) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < count; at += 20) {
    const some = Array.from({ length: Math.min(20, count - at) }, (_, n) => run(at + n));
    await clock.during(Promise.all(some));
  }
}
