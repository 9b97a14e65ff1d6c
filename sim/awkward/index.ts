/**
 * One awkward turn of events after another, each the worst that a promise was made for: a replica that missed a write meets
 * one that lost its disk; one that missed a deletion comes back long after; those that answered are gone when it is read.
 */
import { P2posError } from '@p2pos/protocol';
import { createSimnet, type Simnet } from '../../packages/node/src/testing/simnet/index.ts';
import { createPlainRecords, type PlainRecords } from '../checkers/plain-records.ts';
import type { Scenario, ScenarioInput, ScenarioResult } from '../scenario.ts';

const HOUR_MS = 3_600_000;
/** Less than whoever comes back late was away. */
const KEEP_DELETED_MS = 300_000;
const text = new TextDecoder();
const utf8 = new TextEncoder();

export const awkward: Scenario = {
  summary: 'Few faults at a time, arranged so that whoever counts one vote too many is found.',
  defaults: { nodes: 5, hours: 1, rate: 1, load: 1 },
  run,
};

interface Turn {
  readonly sim: Simnet;
  readonly plain: PlainRecords;
  readonly key: string;
  /** Replicas of the key, shuffled, and who is none. */
  readonly replicas: readonly [a: number, b: number, c: number];
  readonly outside: readonly [number, number];
}

async function run({ seed, nodes, hours, progress, plant, onTrace }: ScenarioInput): Promise<ScenarioResult> {
  if (nodes < 5) throw new RangeError('this scenario needs 5 nodes or more');
  await using sim = await createSimnet(nodes, {
    seed: `awkward ${seed}`,
    ...(onTrace && { onTrace }),
    records: { keepDeletedMs: KEEP_DELETED_MS },
  });
  await sim.settle();
  plant?.(sim);
  const plain = createPlainRecords((violation) => sim.trace.add(`VIOLATION ${violation}`));
  const random = sim.random.fork('turns');
  const end = sim.clock.monotonic() + hours * HOUR_MS;
  const turns = [emptyDisk, lateDeletion, fewAnswers];
  let count = 0;
  while (sim.clock.monotonic() < end && plain.violations.length === 0) {
    const key = `k${count}`;
    const name = { namespace: 'default/kv', partition: utf8.encode(key) };
    const peers = (sim.nodes[0] as Simnet['nodes'][0]).records.locate(name).replicas;
    const found = peers.map((peerId) => sim.nodes.findIndex((node) => node.peerId === peerId));
    const replicas = shuffled(found, random) as [number, number, number];
    const others = sim.nodes.map((_, i) => i).filter((i) => !replicas.includes(i));
    const outside = shuffled(others, random) as [number, number];
    const turn = turns[count++ % turns.length] as (turn: Turn) => Promise<void>;
    await turn({ sim, plain, key, replicas, outside });
    sim.heal();
    for (let i = 0; i < nodes; i++) if (!sim.isUp(i)) await sim.start(i);
    await sim.settle();
    await sim.until(() => sim.nodes.every(({ records }) => records.repair.standing() === 'voter'));
    progress(1 - (end - sim.clock.monotonic()) / (hours * HOUR_MS));
  }
  return {
    violations: plain.violations,
    counts: { turns: count, ...plain.counts, lines: sim.trace.lines() },
    trace: sim.trace.hash(),
    tail: sim.trace.tail(40),
  };
}

/** Missed by `c`, then lost by `a`; `b` is away: nobody who is there may say what the key holds. */
async function emptyDisk(turn: Turn): Promise<void> {
  const { sim, replicas, outside } = turn;
  const [a, b, c] = replicas;
  await write(turn, outside[0], 'before');
  isolate(turn, c);
  await write(turn, outside[0], 'after');
  await sim.crash(outside[0], 'silent'); // with what it keeps for c, and what was on its way
  await sim.crash(a);
  sim.heal();
  isolate(turn, b);
  sim.replaceDisk(a);
  await sim.start(a);
  await reads(turn, outside[1], 8_000);
}

/** Deleted while `c` was away, which comes back with the old value after ten minutes. */
async function lateDeletion(turn: Turn): Promise<void> {
  const { sim, replicas, outside } = turn;
  const [, b, c] = replicas;
  await write(turn, outside[0], 'to be deleted');
  isolate(turn, c);
  await write(turn, outside[0], undefined);
  await sim.crash(outside[0], 'silent');
  await sim.clock.advance(600_000);
  sim.heal();
  await reads(turn, outside[1], 90_000);
  isolate(turn, b);
  await reads(turn, outside[1], 8_000);
}

/** Only `a` can be reached by who writes; later it is away. */
async function fewAnswers(turn: Turn): Promise<void> {
  const { sim, replicas, outside } = turn;
  const [a, b, c] = replicas;
  await write(turn, outside[0], 'before');
  await sim.crash(b);
  await sim.crash(c);
  await sim.clock.advance(20_000);
  await write(turn, outside[0], 'with one alone');
  isolate(turn, a);
  await sim.crash(outside[0], 'silent');
  await sim.start(b);
  await sim.start(c);
  await reads(turn, outside[1], 8_000);
}

/** It reaches nobody and nobody reaches it. */
function isolate({ sim }: Turn, i: number): void {
  for (let j = 0; j < sim.nodes.length; j++) {
    if (j === i) continue;
    sim.cut(i, j);
    sim.cut(j, i);
  }
}

async function write({ sim, plain, key }: Turn, at: number, value: string | undefined): Promise<void> {
  const { kv } = sim.nodes[at] as Simnet['nodes'][0];
  const ticket = plain.begin(key, value);
  try {
    const { version } = await sim.during(
      value === undefined
        ? kv.delete({ app: 'default', key })
        : kv.put({ app: 'default', key, value: utf8.encode(value) }),
    );
    sim.trace.add(`node${at} ${value === undefined ? 'delete' : 'put'} ${key} ${version}`);
    plain.acknowledged(ticket, version);
  } catch (error) {
    if (!(error instanceof P2posError)) throw error;
    sim.trace.add(`node${at} refused ${error.code}`);
    if (error.details['outcome'] === 'none') plain.refused(ticket);
    else plain.unknown(ticket, sim.clock.now());
  }
}

async function reads({ sim, plain, key }: Turn, at: number, forMs: number): Promise<void> {
  const until = sim.clock.monotonic() + forMs;
  while (sim.clock.monotonic() < until) {
    const floor = plain.floorOf(key);
    try {
      const { kv } = sim.nodes[at] as Simnet['nodes'][0];
      const { found } = await sim.during(kv.get({ app: 'default', key }));
      const value = found && { value: text.decode(found.value), version: found.version };
      sim.trace.add(`node${at} get ${key} ${value?.version ?? 'nothing'}`);
      plain.read(key, floor, value, sim.clock.now());
    } catch (error) {
      if (!(error instanceof P2posError)) throw error;
      sim.trace.add(`node${at} refused ${error.code}`);
    }
    await sim.clock.advance(300);
  }
}

function shuffled(list: readonly number[], random: Simnet['random']): number[] {
  const left = [...list];
  return list.map(() => left.splice(random.below(left.length), 1)[0] as number);
}
