import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../../testing/manual-clock.ts';
import type { RecordBody } from '../format/wire.ts';
import { createTestbed } from '../testing/testbed.ts';
import { createParking, type ParkingConfig } from './parking.ts';

const body = (name: string, bytes = 10): RecordBody => [
  new TextEncoder().encode(name),
  new Uint8Array(bytes),
  new Uint8Array(0),
];
const nameOfBody = ([header]: RecordBody) => new TextDecoder().decode(header);

function begin(config: ParkingConfig = {}) {
  const clock = createManualClock();
  const taken: string[] = [];
  const parking = createParking(
    {
      clock,
      now: clock.now,
      take: async (bodies) => void taken.push(...bodies.map(nameOfBody)),
    },
    config,
  );
  return { clock, taken, parking };
}

test('what is parked is taken when it is due, once, and not before', async () => {
  const { clock, taken, parking } = begin();
  const at = clock.now();
  parking.park(body('late'), at + 20_000);
  parking.park(body('soon'), at + 5_000);
  parking.park(body('soon'), at + 5_000);
  await clock.advance(4_999);
  assert.deepEqual(taken, []);
  await clock.advance(1_001);
  assert.deepEqual(taken, ['soon']);
  await clock.advance(15_000);
  assert.deepEqual(taken, ['soon', 'late']);
  assert.equal(clock.pending(), 0);
});

test('there is room for so much, and what is due last goes first', async () => {
  const { clock, taken, parking } = begin({ maxRecords: 3, maxBytes: 1_000, maxWaitMs: 60_000 });
  const at = clock.now();
  parking.park(body('never'), at + 60_001);
  for (const i of [5, 1, 4, 2, 3]) parking.park(body(`r${i}`), at + i * 2_000);
  parking.park(body('big', 990), at + 30_000);
  await clock.advance(120_000);
  assert.deepEqual(taken, ['r1', 'r2', 'r3']);
});

test('nothing is taken after the end', async () => {
  const { clock, taken, parking } = begin();
  parking.park(body('a'), clock.now() + 1_000);
  parking[Symbol.dispose]();
  parking.park(body('b'), clock.now() + 1_000);
  await clock.advance(10_000);
  assert.deepEqual(taken, []);
  assert.equal(clock.pending(), 0);
});

test('what a replica has from the future comes to the others when it is due, and counts nowhere before', async () => {
  // Its own disk has it; the others must not, until their time allows it.
  await using bed = await createTestbed({ nodes: 3, skewMs: (index) => (index === 0 ? 30_000 : 0) });
  const refused = await bed.put(0, 'k', 'from the future').catch((error) => error as Error);
  assert.ok(refused instanceof Error);
  const held = async (index: number) =>
    (await bed.node(index).store.read('SELECT 1 FROM records WHERE key = ?', [new TextEncoder().encode('k')]))
      .length === 1;
  assert.deepEqual(await Promise.all([0, 1, 2].map(held)), [true, false, false]);
  // Passed on once, long before; no repair comes at the moment when it is due.
  await bed.run(bed.node(0).records.repair.round());
  assert.deepEqual(await Promise.all([0, 1, 2].map(held)), [true, false, false]);
  bed.cut(0, 1);
  bed.cut(0, 2);
  await bed.clock.advance(15_000);
  assert.deepEqual(await Promise.all([0, 1, 2].map(held)), [true, false, false]);
  await bed.clock.advance(8_000);
  assert.deepEqual(await Promise.all([0, 1, 2].map(held)), [true, true, true]);
  assert.equal(await bed.get(1, 'k'), 'from the future');
});
