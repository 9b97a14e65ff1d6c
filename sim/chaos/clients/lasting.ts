/**
 * Records that are written once and then left alone, so that what is old is looked at too: some are deleted once, some are
 * large. Most of what a real system holds is of this kind, and moves, copies and comparisons are about it.
 */
import type { Node } from '../../../packages/node/src/node.ts';
import type { SeededRandom } from '../../../packages/node/src/testing/seeded-random.ts';
import type { Simnet } from '../../../packages/node/src/testing/simnet/index.ts';
import { type At, listKeys, type PlainClient } from './plain.ts';
import type { Served } from './served.ts';

/** There before anything goes wrong. */
const FOUNDING = 240;
/** With more the oldest is deleted for each that comes. */
const MAX_LIVING = 600;
const LARGE_SHARE = 0.05;
const LARGE_BYTES = 24_000;
const PREFIX = 'l';
const PAGE = 60;

interface Lasting {
  readonly key: string;
  /** Whether a put of it was acknowledged. */
  stored: boolean;
  /** From the moment on at which somebody asks for it. */
  going: boolean;
  /** Whether the deletion was acknowledged. */
  gone: boolean;
}

export interface LastingRecords {
  /** Before anything goes wrong. */
  found(): Promise<void>;
  /** One operation, through this node. */
  operate(at: At, random: SeededRandom): Promise<void>;
  keys(): readonly string[];
  /** Whose deletion was acknowledged. */
  gone(): readonly string[];
  /** All of them through this node, against what is known; violations in words. */
  list(node: Node): Promise<string[]>;
  /** How many were answered. */
  lists(): number;
}

export function createLastingRecords(sim: Simnet, client: PlainClient, served: Served): LastingRecords {
  const all: Lasting[] = [];
  const random = sim.random.fork('lasting');
  let lists = 0;

  /** Nobody has asked for their deletion; the oldest first. */
  const living = new Set<Lasting>();

  async function put(at: At): Promise<void> {
    const one: Lasting = { key: `${PREFIX}${all.length}`, stored: false, going: false, gone: false };
    all.push(one);
    living.add(one);
    const filler = random.chance(LARGE_SHARE) ? 'x'.repeat(random.below(LARGE_BYTES)) : '';
    await client.write(at, one.key, `${one.key} once ${filler}`);
    one.stored = true;
  }

  async function remove(at: At, one: Lasting): Promise<void> {
    one.going = true;
    living.delete(one);
    await client.write(at, one.key, undefined);
    one.gone = true;
  }

  async function list(node: Node): Promise<string[]> {
    const before = all.map(({ stored, going, gone }) => ({ stored, going, gone }));
    const listed = await listKeys(node, { prefix: PREFIX, limit: PAGE });
    sim.trace.add(`${listed.length} keys are listed`);
    lists++;
    const violations: string[] = [];
    const there = new Set(listed);
    if (there.size < listed.length) violations.push('a list tells a key twice');
    for (const [i, then] of before.entries()) {
      const { key, going } = all[i] as Lasting;
      if (then.stored && !going && !there.has(key)) violations.push(`${key}: is stored and not in a list`);
      if (then.gone && there.has(key)) violations.push(`${key}: was deleted and is in a list`);
    }
    return violations;
  }

  return {
    async found() {
      for (let left = FOUNDING; left > 0; left -= sim.nodes.length)
        await Promise.all(sim.nodes.slice(0, left).map((node, i) => put({ node, i })));
    },
    async operate(at, dice) {
      const share = dice.float();
      if (share < 0.3) {
        const [oldest] = living;
        return oldest && living.size > MAX_LIVING ? remove(at, oldest) : put(at);
      }
      if (share < 0.45) return remove(at, dice.pick(all));
      // Most that were ever written are gone after some hours.
      if (share < 0.96) return client.read(at, dice.pick(dice.chance(0.5) ? [...living] : all).key);
      const violations = await served.ask(at, 'list', undefined, () => list(at.node));
      for (const violation of violations) client.broken(violation);
    },
    keys: () => all.map(({ key }) => key),
    gone: () => all.filter(({ gone }) => gone).map(({ key }) => key),
    list,
    lists: () => lists,
  };
}
