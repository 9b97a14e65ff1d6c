/**
 * Clients at work on whole nodes while everything goes wrong that may, many times as often as on an ordinary bad day. At
 * the end all is repaired, and what was promised is looked at once more.
 */
import { P2posError } from '@p2pos/protocol';
import { createSimnet, type Simnet } from '../../packages/node/src/testing/simnet/index.ts';
import { createPlainRecords, type PlainRecords } from '../checkers/plain-records.ts';
import { createRegisterHistories } from '../checkers/registers.ts';
import type { Scenario, ScenarioInput, ScenarioResult } from '../scenario.ts';
import { PLAIN_KEYS, REGISTERS, startClients, TTL_MS } from './clients.ts';
import { createFaults } from './faults/index.ts';
import { createWounds } from './wounds.ts';

const CLIENTS = 12;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** For everything to find together again, and for every disk to be read through. */
const REPAIR_MS = 300_000;

export const chaos: Scenario = {
  summary:
    'Reads, writes and registers under crashes, partitions, bad disks, wrong clocks and changing members.',
  defaults: { nodes: 25, hours: 1, rate: 24, load: 3 },
  run,
};

async function run({
  seed,
  nodes,
  hours,
  rate,
  load = 3,
  progress,
  plant,
  onTrace,
  faults: only,
}: ScenarioInput): Promise<ScenarioResult> {
  const wounds = createWounds();
  await using sim = await createSimnet(nodes, {
    seed: `chaos ${seed}`,
    // Rarer than by default, since most of the work of a quiet system are these.
    pingIntervalMs: 5_000,
    presenceIntervalMs: 60_000,
    realKeys: seed % 10 === 9,
    log: wounds.log,
    ...(onTrace && { onTrace }),
    // All of life that much quicker, so that deletions are forgotten while faults go on.
    records: { keepDeletedMs: DAY_MS / rate, scrubMs: 240_000 },
  });
  const declare = (i: number) =>
    sim.nodes[i]?.records.declare({
      suffix: REGISTERS,
      kind: 'cas',
      author: 'member',
      replicas: 3,
      maxValueBytes: 1_024,
    });
  for (let i = 0; i < nodes; i++) declare(i);
  await sim.settle();
  plant?.(sim);
  const plain = createPlainRecords((violation) => sim.trace.add(`VIOLATION ${violation}`));
  const registers = createRegisterHistories();
  const clients = startClients(
    sim,
    { plain, registers },
    { clients: CLIENTS, everyMs: (CLIENTS * 1_000) / load },
  );
  const faults = createFaults(sim, wounds, declare, { rate, only });
  const startedAt = sim.clock.monotonic();
  const end = startedAt + hours * HOUR_MS;
  for (let told = startedAt; sim.clock.monotonic() < end && plain.violations.length === 0; ) {
    const waitMs = await faults.step();
    await sim.clock.advance(Math.min(waitMs, 10_000, end - sim.clock.monotonic()));
    if (sim.clock.monotonic() - told < 60_000) continue;
    told = sim.clock.monotonic();
    progress((told - startedAt) / (hours * HOUR_MS));
  }
  await faults.repair();
  await sim.clock.advance(REPAIR_MS);
  await sim.during(clients.end());
  // What runs out between two looks at it would be another on every node.
  await sim.clock.advance(TTL_MS + 5_000);
  const late = await lookAgain(sim, plain);
  return {
    violations: [...plain.violations, ...registers.violations(), ...late, ...wounds.unhealed(sim)],
    counts: {
      ...plain.counts,
      changes: registers.counts.done,
      'changes unknown': registers.counts.unknown,
      ...faults.counts,
      lines: sim.trace.lines(),
    },
    trace: sim.trace.hash(),
    tail: sim.trace.tail(40),
  };
}

/** Every key through several nodes: no promise broken, and the same everywhere. */
async function lookAgain(sim: Simnet, plain: PlainRecords): Promise<string[]> {
  const violations: string[] = [];
  const listed = new Set<string>();
  const members = sim.nodes.filter(({ membership, peerId }) => membership.isActive(peerId));
  const asked = [members[0], members[Math.floor(members.length / 2)], members.at(-1)].filter(
    (node) => node !== undefined,
  );
  for (const node of asked) {
    for (let k = 0; k < PLAIN_KEYS; k++) {
      const key = `k${k}`;
      const floor = plain.floorOf(key);
      try {
        const { found } = await sim.during(node.kv.get({ app: 'default', key, consistency: 'all' }));
        const value = found && { value: new TextDecoder().decode(found.value), version: found.version };
        plain.read(key, floor, value, sim.clock.now());
      } catch (error) {
        violations.push(`${key}: not all replicas have it after all was repaired: ${textOf(error)}`);
      }
    }
  }
  for (const node of asked) {
    try {
      const { keys } = await sim.during(node.kv.list({ app: 'default', limit: 1_000 }));
      listed.add(keys.join(' '));
    } catch (error) {
      violations.push(`nothing can be listed after all was repaired: ${textOf(error)}`);
    }
  }
  if (listed.size > 1) violations.push('nodes list different keys after all was repaired');
  return violations;
}

function textOf(error: unknown): string {
  return error instanceof P2posError ? `${error.code} ${JSON.stringify(error.details)}` : String(error);
}
