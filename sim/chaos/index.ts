/**
 * Clients at work on whole nodes while everything goes wrong that may, many times as often as on an ordinary bad day. At
 * the end all is repaired, and what was promised is looked at once more.
 */
import type { SeededRandom } from '../../packages/node/src/testing/seeded-random.ts';
import { createSimnet } from '../../packages/node/src/testing/simnet/index.ts';
import { createPlainRecords } from '../checkers/plain-records.ts';
import { createRegisterHistories } from '../checkers/registers.ts';
import type { Scenario, ScenarioInput, ScenarioResult } from '../scenario.ts';
import { pickNode, startClients, TTL_MS } from './clients/clients.ts';
import { createLastingRecords } from './clients/lasting.ts';
import { createLockClients, LOCKS } from './clients/locks.ts';
import { createPlainClient } from './clients/plain.ts';
import { createRegisterClient, REGISTERS } from './clients/registers.ts';
import { createServed } from './clients/served.ts';
import { createDisks } from './disks.ts';
import { createFaults } from './faults/index.ts';
import { judge, readAll } from './verdict.ts';
import { createWounds } from './wounds.ts';

const CLIENTS = 12;
const HOUR_MS = 3_600_000;
/** Deletions are remembered for so long, so that many are forgotten while faults go on. */
const KEEP_DELETED_MS = 180_000;
/** Few, so that each holds several records. */
const SLOTS = 64;
/** What has not healed by then never will. */
const OLD_WOUND_MS = 1_800_000;
/** For every disk to be read through: by steps of a minute, of which one may be cut short at its end, and each comes a little late. */
const SCRUB_MS = 240_000;
/** For everything to find together again, which that needs too. */
const REPAIR_MS = SCRUB_MS + 160_000;

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
    slots: SLOTS,
    ...(onTrace && { onTrace }),
    records: { keepDeletedMs: KEEP_DELETED_MS, scrubMs: SCRUB_MS },
  });
  const declare = (i: number) => {
    for (const suffix of [REGISTERS, LOCKS])
      sim.nodes[i]?.records.declare({
        suffix,
        kind: 'cas',
        author: 'member',
        replicas: 3,
        maxValueBytes: 1_024,
      });
  };
  for (let i = 0; i < nodes; i++) declare(i);
  await sim.settle();
  plant?.(sim);
  const plain = createPlainRecords((violation) => sim.trace.add(`VIOLATION ${violation}`));
  const registers = createRegisterHistories();
  const disks = createDisks(sim, wounds);
  const pick = (random: SeededRandom) => pickNode(sim, random);
  const broken = (violation: string) => plain.broken(violation);
  const served = createServed(sim, broken);
  const plainClient = createPlainClient({ sim, plain, disks, served });
  const lasting = createLastingRecords(sim, plainClient, served);
  const registerClient = createRegisterClient({ sim, registers, disks, served, elsewhere: pick, broken });
  const locks = createLockClients(sim, { pick, broken });
  await sim.during(lasting.found());
  const clients = startClients(
    sim,
    { plain: plainClient, lasting, registers: registerClient, locks },
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
    for (const text of wounds.unhealed(sim, OLD_WOUND_MS)) broken(text);
    progress((told - startedAt) / (hours * HOUR_MS));
  }
  // Faults go on meanwhile, since what they hold up must end for the clients to.
  let busy = true;
  const ended = clients.end().finally(() => {
    busy = false;
  });
  ended.catch(() => {});
  while (busy) await sim.clock.advance(Math.min(await faults.step(), 1_000));
  await ended;
  const parts = { sim, plain: plainClient, lasting, registers: registerClient, disks };
  const graves = disks.graves();
  const forgotten = disks.forgotten(lasting.gone());
  await faults.repair();
  await sim.during(readAll(parts));
  // What runs out between two looks at it would be another on every node.
  await sim.clock.advance(Math.max(REPAIR_MS, TTL_MS + 5_000));
  const late = await sim.during(judge(parts));
  return {
    violations: [...plain.violations, ...registers.violations(), ...late, ...wounds.unhealed(sim)],
    counts: {
      ...plain.counts,
      ...served.counts,
      changes: registers.counts.done,
      'changes unknown': registers.counts.unknown,
      lasting: lasting.keys().length,
      locks: locks.granted(),
      lists: lasting.lists(),
      graves,
      forgotten,
      ...faults.counts,
      lines: sim.trace.lines(),
    },
    trace: sim.trace.hash(),
    tail: sim.trace.tail(40),
  };
}
