/** What stays of expired records: nothing but their versions, and of registers what they remember of their changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import { silentLogger } from '../../log/index.ts';
import { createTaskGroup } from '../../tasks/index.ts';
import { createDeclarations } from '../declarations.ts';
import { createTestbed, decode, nameOf, type Testbed } from '../testing/testbed.ts';
import type { ExpiredRecord } from './stored.ts';
import { startSweeper } from './sweeper.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const NAME = { namespace: 'default/kv-cas', partition: bytes('a'), key: bytes('a') };

function put(bed: Testbed, index: number, value: string, kind: 'absent' | 'any', ttlMs?: number) {
  const wish = { value: bytes(value), condition: { kind }, idempotencyKey: value.slice(0, 3) };
  const change = { ...NAME, ...wish, ...(ttlMs !== undefined && { ttlMs }) };
  return bed.run(bed.node(index).records.registers.change(change));
}

async function longest(bed: Testbed, index: number): Promise<number | null> {
  const sql = 'SELECT max(length(value)) AS n FROM records';
  const [row] = await bed.node(index).store.read<{ n: number | null }>(sql);
  return row?.n ?? null;
}

test('a repeat of a change has no second effect after its value has expired and was let go', async () => {
  await using bed = await createTestbed({ nodes: 3, registers: true });
  const first = await put(bed, 0, 'v'.repeat(60_000), 'absent', 1_000);
  await bed.clock.advance(200_000);
  for (const index of [0, 1, 2]) assert.ok(((await longest(bed, index)) ?? 0) < 1_000, `node ${index}`);
  const again = await put(bed, 1, 'v'.repeat(60_000), 'absent', 1_000);
  assert.equal(again.version, first.version);
  assert.equal(await bed.run(bed.node(2).records.registers.read(NAME)), undefined);
});

test('a repeat answers what the first answered, however much that was, after its value has expired', async () => {
  await using bed = await createTestbed({ nodes: 3, registers: true });
  const before = 'b'.repeat(60_000);
  await put(bed, 0, before, 'absent');
  const first = await put(bed, 0, 'v', 'any', 1_000);
  await bed.clock.advance(200_000);
  const again = await put(bed, 1, 'v', 'any', 1_000);
  assert.equal(again.version, first.version);
  assert.equal(again.previous && decode(again.previous.value), before);
});

test('while no majority can agree that a register has expired, what it remembers stays', async () => {
  await using bed = await createTestbed({ nodes: 3, registers: true, records: { writeTimeoutMs: 1_000 } });
  const first = await put(bed, 0, 'v', 'absent', 1_000);
  bed.partition([0], [1], [2]);
  await bed.clock.advance(300_000);
  await bed.heal();
  await bed.clock.advance(1_000);
  assert.equal((await put(bed, 1, 'v', 'absent', 1_000)).version, first.version);
});

test('the value of a plain record is let go a minute or two after it has expired', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await bed.put(0, 'a', 'v', { ttlMs: 1_000 });
  await bed.clock.advance(60_000);
  for (const index of [0, 1, 2]) assert.equal(await longest(bed, index), 1);
  await bed.clock.advance(140_000);
  for (const index of [0, 1, 2]) assert.equal(await longest(bed, index), null);
  const { found } = await bed.run(bed.node(1).records.get({ ...nameOf('a'), consistency: 'quorum' }));
  assert.equal(found, undefined);
});

test('what no majority settles is let go a day later, and does not hold up the rest', async () => {
  const clock = createManualClock();
  const random = createSeededRandom('sweeper');
  await using tasks = createTaskGroup({ clock, random, log: silentLogger });
  const start = clock.now();
  const cas = { namespace: 'default/kv-cas', deleted: false };
  let held: Omit<ExpiredRecord, 'key' | 'partition' | 'sound'>[] = [
    ...Array.from({ length: 1_200 }, (_, i) => ({ ...cas, id: i + 1, expiresAt: start })),
    { ...cas, id: 2_000, expiresAt: start + 1, deleted: true },
    { id: 2_001, namespace: 'default/unknown', expiresAt: start + 1, deleted: false },
    { id: 2_002, namespace: 'default/kv', expiresAt: start + 1, deleted: false },
  ];
  const declarations = createDeclarations({ counts: [3] });
  const common = { author: 'member', replicas: 3, maxValueBytes: 100 } as const;
  declarations.declare({ suffix: '/kv', kind: 'lww', ...common });
  declarations.declare({ suffix: '/kv-cas', kind: 'cas', ...common });
  const isAfter = (one: { id: number; expiresAt: number }, after: typeof one) =>
    one.expiresAt > after.expiresAt || (one.expiresAt === after.expiresAt && one.id > after.id);
  let tries = 0;
  let laterMs = 0;
  startSweeper({
    table: {
      expired: async (time, after, limit) =>
        held
          .filter((one) => one.expiresAt <= time && (!after || isAfter(one, after)))
          .slice(0, limit)
          .map((one) => ({ ...one, key: bytes('a'), partition: bytes('a'), sound: true })),
      async dropValues(records) {
        held = held.filter(({ id }) => !records.some((one) => one.id === id));
      },
    },
    declarations,
    async settleRegister() {
      tries++;
      throw new Error('told to');
    },
    slotOf: () => 1,
    tasks,
    now: () => clock.now() + laterMs,
  });
  await clock.advance(140_000);
  assert.deepEqual(held.slice(1_199), [
    { ...cas, id: 1_200, expiresAt: start },
    { id: 2_001, namespace: 'default/unknown', expiresAt: start + 1, deleted: false },
  ]);
  assert.ok(tries > 0 && tries <= 128, `${tries} tries`);
  laterMs = 86_400_000;
  await clock.advance(80_000);
  assert.deepEqual(held, []);
});

test('registers of a slot without a majority put off none of other slots', async () => {
  const clock = createManualClock();
  const random = createSeededRandom('sweeper');
  await using tasks = createTaskGroup({ clock, random, log: silentLogger });
  const declarations = createDeclarations({ counts: [3] });
  const common = { author: 'member', replicas: 3, maxValueBytes: 100 } as const;
  declarations.declare({ suffix: '/kv-cas', kind: 'cas', ...common });
  const rest = { namespace: 'default/kv-cas', deleted: false, sound: true, expiresAt: clock.now() };
  // The first hundred lie in slot 0, the next in slot 1, and so on.
  const held = Array.from({ length: 400 }, (_, id) => {
    const key = bytes(String(Math.floor(id / 100)));
    return { ...rest, id, key, partition: key };
  });
  const settled = new Set<string>();
  startSweeper({
    table: {
      expired: async (time, after) => (after || time < rest.expiresAt ? [] : held),
      dropValues: async () => {},
    },
    declarations,
    slotOf: (_, partition) => Number(decode(partition)),
    async settleRegister({ key }) {
      if (['0', '2'].includes(decode(key))) throw new Error('no majority');
      settled.add(decode(key));
    },
    tasks,
    now: () => clock.now(),
  });
  await clock.advance(140_000);
  assert.deepEqual([...settled], ['1', '3']);
});
