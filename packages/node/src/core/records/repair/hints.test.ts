/** What waits for replicas that missed it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion } from '@p2pos/protocol';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createMemoryStore } from '../../../testing/memory-store.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import { createTestSystem } from '../../../testing/test-system.ts';
import { sleep } from '../../clock/index.ts';
import { silentLogger } from '../../log/index.ts';
import { createTaskGroup } from '../../tasks/index.ts';
import type { Topology } from '../placement/topology.ts';
import type { CheckedRecord } from '../replica/stored.ts';
import { count, pass } from '../testing/strays.ts';
import { createTestbed, type Testbed } from '../testing/testbed.ts';
import { openHints } from './hints.ts';

const QUICK = { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 };

async function waiting(bed: Testbed): Promise<Record<string, number>> {
  const rows = await bed
    .node(0)
    .store.read<{ peer: string; n: number }>(
      'SELECT peer_id AS peer, count(*) AS n FROM repair_hints GROUP BY peer_id',
    );
  return Object.fromEntries(rows.map(({ peer, n }) => [peer, n]));
}

/** Of a member, given now; as large as is asked. */
async function recordOf(ms: number, bytes: number): Promise<CheckedRecord> {
  const [author] = (await createTestSystem({ nodes: 1 })).nodes;
  const version = formatVersion({ ms, counter: 0, author: author?.peerId as string });
  const value = new Uint8Array(bytes);
  return { header: value, value, proof: value, fields: { version } } as unknown as CheckedRecord;
}

test('what waits is handed over however large it is', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await bed.crash(2);
  for (let i = 0; i < 40; i++) await bed.put(0, `key${i}`, 'v'.repeat(60_000));
  await bed.clock.advance(2_000);
  assert.deepEqual(await waiting(bed), { [bed.node(2).peerId]: 40 });
  await bed.start(2);
  await bed.clock.advance(10_000);
  assert.deepEqual(await waiting(bed), {});
  assert.deepEqual(bed.node(0).records.repair.hintsFor(), []);
});

test('a peer that stays away holds up nothing that waits for others', async () => {
  await using bed = await createTestbed({ nodes: 5, records: QUICK });
  const first = bed.findKey((replicas) => replicas.includes(3) && !replicas.includes(4));
  const second = bed.findKey((replicas) => replicas.includes(4) && !replicas.includes(3));
  for (const index of [3, 4]) await bed.crash(index);
  for (const key of [first, second]) {
    await bed.put(0, key, 'v');
    await bed.clock.advance(2_000);
  }
  const [away, back] = [bed.node(3).peerId, bed.node(4).peerId];
  assert.deepEqual(await waiting(bed), { [away]: 1, [back]: 1 });
  await bed.start(4);
  await bed.clock.advance(10_000);
  assert.deepEqual(await waiting(bed), { [away]: 1 });
});

test('what waits for who stays away leaves room for others, and has a bound', async () => {
  const clock = createManualClock();
  const random = createSeededRandom('hints');
  await using tasks = createTaskGroup({ clock, random, log: silentLogger });
  const store = createMemoryStore(random);
  const hints = await openHints(
    {
      store,
      clock,
      tasks,
      topology: {} as Topology,
      calls: { ask: () => Promise.reject(new Error('told to')) },
      preference: { isSilent: () => true },
      log: silentLogger,
      latestTime: clock.now,
    },
    { keepMs: 60_000, maxBytes: 10_000, everyMs: 1_000, timeoutMs: 1_000 },
  );
  const record = await recordOf(clock.now(), 1_000);
  for (let i = 0; i < 20; i++) hints.keep('away', record);
  for (let i = 0; i < 20; i++) hints.keep('for a moment', record);
  await clock.advance(2_000);
  assert.deepEqual([...hints.waiting()].sort(), ['away', 'for a moment']);
  const [row] = await store.read<{ bytes: number }>('SELECT sum(bytes) AS bytes FROM repair_hints');
  assert.ok((row?.bytes as number) <= 10_000);
});

test('one that takes long for each answer holds up what waits for others by one answer at a time', async () => {
  const clock = createManualClock();
  const random = createSeededRandom('slow');
  await using tasks = createTaskGroup({ clock, random, log: silentLogger });
  const store = createMemoryStore(random);
  const handed = new Map<string, number>();
  const hints = await openHints(
    {
      store,
      clock,
      tasks,
      topology: { current: () => ({ epoch: 1, hash: new Uint8Array(32) }) } as unknown as Topology,
      calls: {
        async ask(peerId: string, _method: string, input: { records: readonly unknown[] }) {
          if (peerId === 'slow') await sleep(clock, 4_000);
          handed.set(peerId, (handed.get(peerId) ?? 0) + input.records.length);
          return { answers: [] };
        },
      } as never,
      preference: { isSilent: () => false },
      log: silentLogger,
      latestTime: clock.now,
    },
    { keepMs: 3_600_000, maxBytes: 1_048_576, everyMs: 1_000, timeoutMs: 5_000 },
  );
  const record = await recordOf(clock.now(), 8);
  for (let i = 0; i < 1_000; i++) hints.keep('slow', record);
  await clock.advance(2_000);
  for (let i = 0; i < 100; i++) hints.keep('quick', record);
  await clock.advance(15_000);
  const soon = handed.get('quick');
  await clock.advance(90_000);
  assert.deepEqual([soon, handed.get('quick'), handed.get('slow')], [100, 100, 1_000]);
  assert.deepEqual(hints.waiting(), []);
});

test('before anybody has told the time it is not known what has waited too long', async () => {
  let told = true;
  let behindMs = 0;
  await using bed = await createTestbed({
    nodes: 3,
    records: QUICK,
    clocks: (index) => ({ answered: index > 0 || told ? 2 : 0, offsetMs: index > 0 ? 0 : behindMs }),
    skewMs: (index) => (index > 0 ? 0 : -behindMs),
  });
  await bed.crash(2);
  await bed.put(0, 'a', 'v');
  await bed.clock.advance(1_000);
  await bed.crash(0);
  await bed.clock.advance(4 * 3_600_000);
  [told, behindMs] = [false, 86_400_000];
  await bed.start(0);
  await bed.start(2);
  await bed.clock.advance(10_000);
  assert.deepEqual(await waiting(bed), { [bed.node(2).peerId]: 1 });
  told = true;
  await bed.clock.advance(2_000);
  assert.deepEqual(await waiting(bed), {});
});

for (const when of ['it is handed over', 'it is kept'])
  test(`what was deleted and forgotten is not handed over by a clock that is wrong when ${when}`, async () => {
    const keepDeletedMs = 3_600_000;
    let opinion = { answered: 2, offsetMs: 0 };
    let behindMs = 0;
    await using bed = await createTestbed({
      nodes: 5,
      records: { ...QUICK, keepDeletedMs },
      clocks: (index) => (index === 3 ? opinion : { answered: 2, offsetMs: 0 }),
      skewMs: (index) => (index === 3 ? -behindMs : 0),
    });
    const key = bed.findKey((replicas) => !replicas.includes(3));
    const [a, , c] = bed.replicasOf(key) as [number, number, number];
    bed.cut(3, c);
    await bed.put(3, key, 'v');
    // It has jumped for a moment.
    if (when === 'it is kept') opinion = { answered: 2, offsetMs: 100 * keepDeletedMs };
    await bed.clock.advance(2_000);
    opinion = { answered: 2, offsetMs: 0 };
    if (when === 'it is handed over') assert.equal(await count(bed, 3, 'repair_hints'), 1);
    await bed.crash(3);
    await bed.remove(a, key);
    const others = [0, 1, 2, 4];
    await bed.snapshot(bed.members(...others));
    await bed.settleMembership();
    await pass(bed, 2 * keepDeletedMs);
    for (const index of others) assert.equal(await count(bed, index, 'records'), 0, 'it is forgotten');
    if (when === 'it is handed over') {
      behindMs = 10 * keepDeletedMs;
      opinion = { answered: 1, offsetMs: behindMs };
    }
    await bed.heal();
    await bed.snapshot(bed.members(...others, 3));
    await bed.start(3);
    await bed.settleMembership();
    await pass(bed, 300_000);
    assert.equal(await bed.get(a, key), undefined);
  });
