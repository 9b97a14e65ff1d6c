/** What is looked at when all clients have ended and all was repaired: every promise once more, and every disk. */
import type { Node } from '../../packages/node/src/node.ts';
import type { Simnet } from '../../packages/node/src/testing/simnet/index.ts';
import { PLAIN_KEYS } from './clients/clients.ts';
import type { LastingRecords } from './clients/lasting.ts';
import { textOf } from './clients/outcome.ts';
import { type At, listKeys, type PlainClient } from './clients/plain.ts';
import { REGISTER_KEYS, type RegisterClient } from './clients/registers.ts';
import type { Disks } from './disks.ts';

export interface VerdictDeps {
  readonly sim: Simnet;
  readonly plain: PlainClient;
  readonly lasting: LastingRecords;
  readonly registers: RegisterClient;
  readonly disks: Disks;
}

/**
 * Every second key once through some node, as soon as all run again: a refusal is no violation yet, a wrong answer is. The others
 * are left to what repairs without being asked.
 */
export async function readAll({ sim, plain, lasting }: VerdictDeps): Promise<void> {
  const keys = [...hotKeys(), ...lasting.keys()].filter((_, k) => k % 2 === 0);
  await Promise.all(keys.map((key, k) => plain.read(memberAt(sim, k), key).catch(() => {})));
}

/** Every disk against the others, every key through two nodes, every list through every node, every register read and changed. */
export async function judge(deps: VerdictDeps): Promise<string[]> {
  const { sim, plain, lasting, registers, disks } = deps;
  // Before any read, which would repair what it finds.
  const violations = disks.differences();
  const keys = [...hotKeys(), ...lasting.keys()];

  async function must(what: string, work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      violations.push(`${what} after all was repaired: ${textOf(error)}`);
    }
  }

  for (const turn of [0, 1])
    await Promise.all(
      keys.map((key, k) => must(`${key} cannot be read`, plain.read(memberAt(sim, k + turn), key))),
    );
  const lists = new Set<string>();
  for (const node of members(sim)) {
    await must(
      `nothing can be listed through ${node.peerId}`,
      listKeys(node, { limit: 500 }).then((listed) => lists.add(listed.join(' '))),
    );
    await must(
      `nothing can be listed through ${node.peerId}`,
      lasting.list(node).then((found) => violations.push(...found)),
    );
  }
  if (lists.size > 1) violations.push('nodes list different keys after all was repaired');
  for (let k = 0; k < REGISTER_KEYS; k++) {
    const key = `r${k}`;
    for (const turn of [0, 1, 2])
      await must(`${key} cannot be read`, registers.read(memberAt(sim, k + turn), key));
    const input = { kind: 'change', value: `${key} last`, expect: 'any' } as const;
    await must(`${key} cannot be changed`, registers.change(memberAt(sim, k + 3), key, input));
  }
  for (const [k, key] of hotKeys().entries())
    await must(`${key} cannot be written`, plain.write(memberAt(sim, k), key, `${key} last`));
  return violations;
}

function hotKeys(): string[] {
  return Array.from({ length: PLAIN_KEYS }, (_, k) => `k${k}`);
}

function members(sim: Simnet): Node[] {
  return sim.nodes.filter(({ membership, peerId }) => membership.isActive(peerId));
}

function memberAt(sim: Simnet, k: number): At {
  const active = members(sim);
  const node = active[k % active.length] as Node;
  return { node, i: sim.nodes.indexOf(node) };
}
