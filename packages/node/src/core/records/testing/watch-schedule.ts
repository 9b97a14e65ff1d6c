/**
 * A random schedule of writes and faults with clients that watch meanwhile, each going on through other nodes by its token.
 * What it promises: of no key is anything older told after something newer, and in the end each client knows what is there.
 */
import assert from 'node:assert/strict';
import { isP2posError } from '@p2pos/protocol';
import type { ReadOutcome } from '../port.ts';
import { createFaults } from './faults.ts';
import { createTestbed, decode, nameOf } from './testbed.ts';
import { Watching } from './watching.ts';

export interface WatchScheduleConfig {
  readonly seed: number;
  readonly durationMs?: number;
  readonly operations?: number;
  readonly faultEveryMs?: number;
}

const SIZE = 6;
const bytes = (text: string) => new TextEncoder().encode(text);

export async function runWatchSchedule(config: WatchScheduleConfig) {
  const { seed, durationMs = 30_000, operations = 250, faultEveryMs = 1_500 } = config;
  await using bed = await createTestbed({
    nodes: SIZE,
    members: Array.from({ length: SIZE - 1 }, (_, i) => i),
    seed: `watch schedule ${seed}`,
    slots: 16,
    latencyMs: (from, to) => 1 + ((from * 5 + to * 11 + seed) % 13),
    records: { writeTimeoutMs: 1_500, readTimeoutMs: 1_500, handoverStepMs: 200 },
  });
  const random = bed.random.fork('watches');
  const keys = Array.from({ length: 12 }, (_, i) => `key${i}`);
  /** Greatest version acknowledged, by key. */
  const acknowledged = new Map<string, string>();
  const open = new Set<Promise<void>>();
  const broken: unknown[] = [];
  const begin = (work: () => Promise<void>) => {
    const task: Promise<void> = work()
      .catch((error) => void broken.push(error))
      .finally(() => open.delete(task));
    open.add(task);
  };

  async function write(index: number, key: string, id: number): Promise<void> {
    const { records } = bed.node(index);
    try {
      const { version } = random.chance(0.3)
        ? await records.delete(nameOf(key))
        : await records.put({ ...nameOf(key), value: bytes(`${key} #${id}`) });
      if (version > (acknowledged.get(key) ?? '')) acknowledged.set(key, version);
    } catch (error) {
      if (!isP2posError(error)) throw error;
    }
  }

  const watchings = Array.from({ length: 3 }, () => new Watching(bed));
  /** Through any node that is up; a watch that broke off goes on elsewhere. */
  function tend(): void {
    for (const watching of watchings) {
      if (watching.ended && !isP2posError(watching.ended)) throw watching.ended;
      const index = random.below(SIZE);
      if (!watching.isRunning && bed.node(index).isUp()) watching.start(index);
    }
  }

  const faults = createFaults(bed, new Set(), random, keys, []);
  for (let id = 0; id < operations; id++) {
    const index = random.below(SIZE);
    const key = random.pick(keys);
    bed.clock.after(random.float() * durationMs, () => {
      if (bed.node(index).isUp()) begin(() => write(index, key, id));
    });
  }
  let at = random.float() * 2 * faultEveryMs;
  while (at < durationMs - 4_000) {
    bed.clock.after(at, () => begin(() => faults.next()));
    at += random.float() * 2 * faultEveryMs;
  }
  const end = bed.clock.monotonic() + durationMs;
  while (bed.clock.monotonic() < end) {
    tend();
    await bed.clock.advance(50);
    if (broken.length > 0) throw broken[0];
    if (random.chance(0.01)) await random.pick(watchings).stop();
  }
  await bed.run(faults.repair());
  await bed.clock.advanceUntil(() => open.size === 0);
  for (let i = 0; i < 60; i++) {
    tend();
    await bed.clock.advance(500);
  }
  if (broken.length > 0) throw broken[0];

  const member = bed.nodes().find(({ membership, peerId }) => membership.view().members.has(peerId));
  assert.ok(member);
  let resumed = 0;
  for (const [number, watching] of watchings.entries()) {
    assert.ok(watching.isRunning, `watch ${number} runs: ${String(watching.ended)}`);
    resumed += watching.events.filter(({ type }) => type === 'open').length - 1;
    for (const key of keys) {
      const { found }: ReadOutcome = await bed.run(
        member.records.get({ ...nameOf(key), consistency: 'all' }),
      );
      const seen = watching.state.get(key);
      assert.equal(seen?.value, found && decode(found.value), `watch ${number} knows ${key}`);
      const floor = acknowledged.get(key) ?? '';
      const forgotten = !found && !seen;
      assert.ok(forgotten || (seen && seen.version >= floor), `watch ${number} has seen ${key} ${floor}`);
    }
    await watching.stop();
  }
  const compacted = watchings.flatMap(({ events }) => events.filter(({ type }) => type === 'compacted'));
  return { acknowledged: acknowledged.size, resumed, compacted: compacted.length };
}
