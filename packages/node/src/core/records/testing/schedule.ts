/**
 * A random schedule of reads, writes and faults against nodes on virtual time, and a checker of what they promise. Versions
 * make the promise easy to state: what was acknowledged or read is never unread.
 */
import assert from 'node:assert/strict';
import { isP2posError } from '@p2pos/protocol';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import { type Clock, sleep } from '../../clock/index.ts';
import type { ReadOutcome } from '../port.ts';
import { createFaults, fickle } from './faults.ts';
import { createTestbed, decode, nameOf, type Testbed } from './testbed.ts';

export interface ScheduleConfig {
  readonly seed: number;
  readonly nodes?: number;
  readonly durationMs?: number;
  readonly operations?: number;
  /** Mean time between faults. */
  readonly faultEveryMs?: number;
}

export interface ScheduleResult {
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
  readonly reads: number;
  readonly faults: readonly string[];
}

interface Key {
  /** Nothing older may be read by what begins now. */
  floor: string;
  /** Values by what wrote them; a write that surely failed leaves. */
  readonly values: Map<string, { version: string | undefined }>;
  /** Deletes that are under way, done or of unknown outcome. */
  readonly deletes: Set<{ version: string | undefined }>;
}

const bytes = (text: string) => new TextEncoder().encode(text);

export async function runSchedule(config: ScheduleConfig): Promise<ScheduleResult> {
  const { seed, nodes: size = 6, durationMs = 40_000, operations = 260, faultEveryMs = 1_500 } = config;
  const failing = new Set<number>();
  const disk = { clock: undefined as Clock | undefined, random: createSeededRandom(`disk ${seed}`) };
  /** Most of the time nothing, sometimes as long as a busy disk takes. */
  const pause = async () => {
    if (disk.clock && disk.random.chance(0.1)) await sleep(disk.clock, disk.random.float() * 60);
  };
  await using bed = await createTestbed({
    nodes: size,
    members: Array.from({ length: size - 1 }, (_, i) => i),
    seed: `schedule ${seed}`,
    slots: 16,
    latencyMs: (from, to) => 1 + ((from * 5 + to * 11 + seed) % 13),
    skewMs: (index) => ((index * 37 + seed) % 5) * 400,
    records: { writeTimeoutMs: 1_500, readTimeoutMs: 1_500, handoverStepMs: 200 },
    wrapStore: (index, store) => fickle(store, () => failing.has(index), pause),
  });
  disk.clock = bed.clock;
  const random = bed.random.fork('schedule');
  const keys = Array.from({ length: 10 }, (_, i) => `key${i}`);
  const model = new Map<string, Key>(
    keys.map((key) => [key, { floor: '', values: new Map(), deletes: new Set() }]),
  );
  const result = { acknowledged: 0, unknown: 0, refused: 0, reads: 0, faults: [] as string[] };
  const open = new Set<Promise<void>>();
  const broken: unknown[] = [];

  function begin(work: () => Promise<void>): void {
    const task: Promise<void> = work()
      .catch((error) => void broken.push(error))
      .finally(() => open.delete(task));
    open.add(task);
  }

  async function write(index: number, key: string, id: number): Promise<void> {
    const state = model.get(key) as Key;
    const value = random.chance(0.2) ? undefined : `${key} #${id}`;
    const entry: { version: string | undefined } = { version: undefined };
    if (value === undefined) state.deletes.add(entry);
    else state.values.set(value, entry);
    const floor = state.floor;
    const { records } = bed.node(index);
    try {
      const { version, durable } =
        value === undefined
          ? await records.delete(nameOf(key))
          : await records.put({ ...nameOf(key), value: bytes(value) });
      assert.ok(version > floor, `${key} #${id}: ${version} is not newer than ${floor}, acknowledged before`);
      assert.ok(durable >= 2);
      entry.version = version;
      raise(state, version);
      result.acknowledged++;
    } catch (error) {
      if (!isP2posError(error)) throw error;
      if (error.details['outcome'] === 'none' || error.code === 'STATE_UNCONFIGURED') {
        state.deletes.delete(entry);
        if (value !== undefined) state.values.delete(value);
        result.refused++;
      } else {
        result.unknown++;
      }
    }
  }

  async function read(index: number, key: string): Promise<void> {
    const state = model.get(key) as Key;
    const floor = state.floor;
    try {
      check(await bed.node(index).records.get({ ...nameOf(key), consistency: 'quorum' }), key, state, floor);
      result.reads++;
    } catch (error) {
      if (!isP2posError(error)) throw error;
    }
  }

  const faults = createFaults(bed, failing, random, keys, result.faults);
  const end = bed.clock.monotonic() + durationMs;
  for (let id = 0; id < operations; id++) {
    const at = random.float() * durationMs;
    bed.clock.after(at, () => {
      const index = random.below(size);
      const key = random.pick(keys);
      if (bed.node(index).isUp())
        begin(() => (random.chance(0.5) ? write(index, key, id) : read(index, key)));
    });
  }
  let at = random.float() * 2 * faultEveryMs;
  while (at < durationMs - 4_000) {
    bed.clock.after(at, () => begin(() => faults.next()));
    at += random.float() * 2 * faultEveryMs;
  }
  while (bed.clock.monotonic() < end) {
    await bed.clock.advance(100);
    if (broken.length > 0) throw broken[0];
  }
  await bed.run(faults.repair());
  await bed.clock.advance(30_000);
  await bed.clock.advanceUntil(() => open.size === 0);
  if (broken.length > 0) throw broken[0];
  await converged(bed, model);
  return result;
}

function raise(state: Key, version: string): void {
  if (version > state.floor) state.floor = version;
}

/** @param floor What was known when the read began. */
function check({ found }: ReadOutcome, key: string, state: Key, floor: string): void {
  if (!found) {
    const causes = [...state.deletes].filter(({ version }) => version === undefined || version >= floor);
    assert.ok(
      floor === '' || causes.length > 0,
      `${key}: nothing, although ${floor} was acknowledged and not deleted`,
    );
    const [only] = causes;
    if (only?.version !== undefined && causes.length === 1) raise(state, only.version);
    return;
  }
  const value = decode(found.value);
  assert.ok(found.version >= floor, `${key}: read ${value} ${found.version}, older than ${floor}`);
  const entry = state.values.get(value);
  assert.ok(entry, `${key}: read ${value}, which nobody wrote`);
  assert.ok(entry.version === undefined || entry.version >= found.version);
  raise(state, found.version);
}

/** In the end every node reads the same of every key. */
async function converged(bed: Testbed, model: ReadonlyMap<string, Key>): Promise<void> {
  for (const [key, state] of model) {
    const seen = new Set<string>();
    // A write of unknown outcome that only one replica has may take effect now, but not later than this.
    const [member] = [...bed.nodes()].filter(({ membership, peerId }) =>
      membership.view().members.has(peerId),
    );
    if (member) await bed.run(member.records.get({ ...nameOf(key), consistency: 'all' }));
    for (let index = 0; index < bed.size; index++) {
      const { membership, records, peerId } = bed.node(index);
      if (!membership.view().members.has(peerId)) continue;
      assert.deepEqual(records.moves(), { open: 0, unsettled: 0 }, `node ${index} waits for a move`);
      assert.deepEqual(
        records.locate(nameOf(key)).previous,
        [],
        `node ${index} still waits for a move of ${key}`,
      );
      const consistency = index % 2 === 0 ? 'quorum' : 'all';
      const outcome = await bed.run(records.get({ ...nameOf(key), consistency }));
      check(outcome, key, state, state.floor);
      seen.add(outcome.found ? outcome.found.version : 'nothing');
    }
    assert.equal(seen.size, 1, `${key}: ${[...seen].join(' and ')}`);
  }
}
