/** A run over registers drawn from a seed: clients on all nodes, crashes, partitions, disks that fail, moves. */
import { isP2posError } from '@p2pos/protocol';
import {
  type RegisterInput,
  type RegisterOperation,
  type RegisterOutput,
  registerFault,
} from '../../../testing/linearizability.ts';
import { sleep } from '../../clock/index.ts';
import type { Condition } from '../port.ts';
import { fickle } from './faults.ts';
import { createTestbed, decode, type Testbed } from './testbed.ts';

export interface RegisterScheduleResult {
  /** Keys whose history is not. */
  readonly linearizable: readonly string[];
  readonly done: number;
  readonly refused: number;
  readonly unknown: number;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];
const NODES = 6;
const DURATION_MS = 20_000;

export async function runRegisterSchedule({
  seed,
}: {
  readonly seed: number;
}): Promise<RegisterScheduleResult> {
  const failing = new Set<number>();
  await using bed = await createTestbed({
    nodes: NODES,
    members: [0, 1, 2, 3, 4],
    seed: `registers ${seed}`,
    slots: 16,
    registers: true,
    latencyMs: (from, to) => 1 + ((from * 5 + to * 11 + seed) % 13),
    skewMs: (index) => ((index * 37 + seed) % 5) * 400,
    records: { writeTimeoutMs: 1_500, readTimeoutMs: 1_500, handoverStepMs: 200 },
    wrapStore: (index, store) => fickle(store, () => failing.has(index)),
  });
  const random = bed.random.fork('schedule');
  const histories = new Map<string, RegisterOperation[]>(KEYS.map((key) => [key, []]));
  const counts = { done: 0, refused: 0, unknown: 0 };
  let serial = 0;
  let ended = false;

  async function client(index: number): Promise<void> {
    const own = random.fork(`client ${index}`);
    const known = new Map<string, string>();
    while (!ended) {
      await sleep(bed.clock, 5 + own.float() * 150);
      const node = bed.node(index);
      if (!node.isUp()) continue;
      const key = own.pick(KEYS);
      const history = histories.get(key) as RegisterOperation[];
      const name = { namespace: 'default/kv-cas', partition: bytes(key), key: bytes(key) };
      const from = bed.clock.monotonic();
      const add = (input: RegisterInput, output?: RegisterOutput) => {
        const to = output ? bed.clock.monotonic() : Number.POSITIVE_INFINITY;
        history.push({ input, from, to, ...(output && { output }) });
      };
      const input = inputOf(own.float(), known.get(key));
      try {
        if (input.kind === 'read') {
          const found = await node.records.registers.read(name);
          if (found) known.set(key, found.version);
          add(input, { version: found?.version ?? null, value: found ? decode(found.value) : null });
        } else {
          const value = input.value === null ? null : bytes(input.value);
          const { version } = await node.records.registers.change({
            ...name,
            value,
            condition: conditionOf(input.expect),
          });
          known.set(key, version);
          add(input, { version, value: input.value });
        }
        counts.done++;
      } catch (error) {
        if (isP2posError(error, 'CAS_CONDITION_FAILED')) {
          add(input, { failed: true });
          counts.done++;
        } else if (input.kind === 'read' || (isP2posError(error) && error.details['outcome'] === 'none'))
          counts.refused++;
        else {
          add(input);
          counts.unknown++;
        }
      }
    }
  }

  function inputOf(dice: number, version: string | undefined): RegisterInput {
    if (dice < 0.35) return { kind: 'read' };
    const value = dice < 0.42 ? null : `v${serial++}`;
    const expect = dice < 0.55 ? 'absent' : dice < 0.8 && version !== undefined ? version : 'any';
    return { kind: 'change', value: expect === 'absent' ? `v${serial++}` : value, expect };
  }

  const clients = Promise.all(Array.from({ length: NODES }, (_, index) => client(index % 5)));
  const end = bed.clock.monotonic() + DURATION_MS;
  let members = [0, 1, 2, 3, 4];
  while (bed.clock.monotonic() < end) {
    await bed.clock.advance(200 + random.below(1_200));
    members = await disturb(bed, failing, members, random.float(), random.below(NODES));
  }
  failing.clear();
  await bed.heal();
  for (let i = 0; i < NODES; i++) if (!bed.node(i).isUp()) await bed.start(i);
  await bed.settleMembership();
  await bed.clock.advance(4_000);
  ended = true;
  await bed.run(clients);
  const bad = [...histories].filter(([, history]) => registerFault(history) !== undefined);
  return { linearizable: bad.map(([key]) => key), ...counts };
}

async function disturb(
  bed: Testbed,
  failing: Set<number>,
  members: number[],
  dice: number,
  index: number,
): Promise<number[]> {
  if (dice < 0.2) {
    if (bed.node(index).isUp()) await bed.crash(index);
    else await bed.start(index);
  } else if (dice < 0.4) {
    bed.partition(
      [index, (index + 1) % NODES],
      [2, 3, 4, 5].map((step) => (index + step) % NODES),
    );
  } else if (dice < 0.6) await bed.heal();
  else if (dice < 0.75) {
    if (!failing.delete(index)) failing.add(index);
  } else if (dice < 0.85) {
    // One joins or leaves at a time.
    const next =
      members.includes(index) && members.length > 4
        ? members.filter((i) => i !== index)
        : [...new Set([...members, index])];
    if (next.length !== members.length) {
      await bed.snapshot(bed.members(...next.sort()));
      await bed.settleMembership();
      return next;
    }
  } else {
    for (let i = 0; i < NODES; i++) if (!bed.node(i).isUp()) await bed.start(i);
    await bed.settleMembership();
  }
  return members;
}

function conditionOf(expect: string): Condition {
  if (expect === 'any' || expect === 'absent') return { kind: expect };
  return { kind: 'version', version: expect };
}
