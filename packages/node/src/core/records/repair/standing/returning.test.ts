/** Who was removed and is listed again has lost nothing: what only it holds of a set that is needed is there again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { storeThrough } from '../../../../testing/store-through.ts';
import { declareRings, everywhere } from '../../testing/rings.ts';
import { count, draining, enact, pass, QUICK } from '../../testing/strays.ts';
import { createTestbed, type Testbed } from '../../testing/testbed.ts';

const KEEP_MS = 120_000;
const SHORT = { ...QUICK, keepDeletedMs: KEEP_MS };
const AWAY_MS = 5 * KEEP_MS;
const KEYS = Array.from({ length: 40 }, (_, i) => `key${i}`);
const ALL = [0, 1, 2, 3, 4, 5];
const bytes = (text: string) => new TextEncoder().encode(text);
const lost = { code: 'RECORDS_QUORUM_LOST' };

const standings = (bed: Testbed, indexes: readonly number[]) =>
  indexes.map((index) => bed.node(index).records.repair.standing());

test('two of three that were removed while the third missed a write count with it when they are back', async () => {
  await using bed = await createTestbed({ nodes: 5, records: SHORT });
  const key = bed.findKey((replicas) => !replicas.includes(3) && !replicas.includes(4));
  const [a, b, c] = bed.replicasOf(key) as [number, number, number];
  await bed.put(3, key, 'v1');
  await bed.clock.advance(500);
  bed.partition([a, 3, 4], [b, c]);
  await bed.put(b, key, 'v2');
  await bed.clock.advance(500);
  const without = await bed.snapshot(bed.members(a, 3, 4));
  for (const index of [a, 3, 4]) await bed.give(index, without);
  await pass(bed, AWAY_MS);
  // Their set is needed as long as nobody can copy it, so nothing is served.
  await assert.rejects(bed.get(3, key), lost);
  await bed.heal();
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4)));
  await pass(bed, 60_000);
  assert.deepEqual(standings(bed, [b, c]), ['voter', 'voter']);
  for (const index of [b, c]) assert.equal(await count(bed, index, 'repair_aside'), 0);
  assert.equal(await bed.get(3, key), 'v2');
});

test('the one disk that is left of a write is heard when its member is listed again', async () => {
  await using bed = await createTestbed({ nodes: 4, records: SHORT });
  const key = bed.findKey((replicas) => !replicas.includes(3));
  const [a, b, c] = bed.replicasOf(key) as [number, number, number];
  await bed.put(3, key, 'v1');
  await bed.clock.advance(500);
  bed.partition([a], [b, c, 3]);
  await bed.put(b, key, 'v2');
  await bed.clock.advance(500);
  await bed.crash(b);
  await bed.crash(c);
  bed.replaceDisk(c);
  await bed.heal();
  await bed.start(c);
  await pass(bed, 60_000);
  const without = await bed.snapshot(bed.members(a, c, 3));
  for (const index of [a, c, 3]) await bed.give(index, without);
  await pass(bed, AWAY_MS);
  await assert.rejects(bed.get(3, key), lost);
  await bed.snapshot(bed.members(0, 1, 2, 3));
  await bed.start(b);
  await bed.settleMembership();
  await pass(bed, 60_000);
  assert.deepEqual(standings(bed, [0, 1, 2, 3]), Array(4).fill('voter'));
  assert.equal(await bed.get(3, key), 'v2');
});

test('of two replicas the one that was removed gives the other, which lost its disk, what it held', async () => {
  await using bed = await createTestbed({
    nodes: 4,
    declare: false,
    records: { ...SHORT, replicaCounts: [2] },
  });
  const declare = (index: number) =>
    bed
      .node(index)
      .records.declare({ suffix: '/kv', kind: 'lww', author: 'member', replicas: 2, maxValueBytes: 1_000 });
  for (const index of [0, 1, 2, 3]) declare(index);
  const key = bed.findKey((replicas) => !replicas.includes(3));
  const [a, b] = bed.replicasOf(key) as [number, number];
  await bed.put(3, key, 'v');
  await bed.clock.advance(500);
  await bed.crash(b);
  await bed.crash(a);
  bed.replaceDisk(a);
  await bed.start(a);
  declare(a);
  await pass(bed, 60_000);
  const rest = [0, 1, 2, 3].filter((index) => index !== b);
  const without = await bed.snapshot(bed.members(...rest));
  for (const index of rest) await bed.give(index, without);
  await pass(bed, AWAY_MS);
  await bed.snapshot(bed.members(0, 1, 2, 3));
  await bed.start(b);
  declare(b);
  await bed.settleMembership();
  await pass(bed, 120_000);
  assert.equal(await bed.get(3, key), 'v');
});

test('a removal of all replicas that is undone leaves everything as it was, and deletions deleted', async () => {
  await using bed = await createTestbed({ nodes: 6, records: SHORT });
  const keys = KEYS.filter((key) => bed.replicasOf(key).every((index) => index >= 3));
  const [gone = '', ...rest] = keys;
  assert.ok(rest.length > 0);
  for (const key of keys) await bed.put(0, key, 'v');
  await bed.clock.advance(500);
  await bed.crash(3);
  await bed.remove(0, gone);
  await pass(bed, 2 * KEEP_MS);
  const without = await bed.snapshot(bed.members(0, 1, 2));
  for (const index of [0, 1, 2, 4, 5]) await bed.give(index, without);
  await pass(bed, AWAY_MS);
  for (const key of keys) await assert.rejects(bed.get(0, key), lost);
  await bed.start(3);
  await bed.giveAll(await bed.snapshot(bed.members(...ALL)));
  await pass(bed, 60_000);
  assert.deepEqual(standings(bed, [3, 4, 5]), ['voter', 'voter', 'voter']);
  for (const key of rest) assert.equal(await bed.get(0, key), 'v');
  for (const index of ALL) assert.equal(await bed.get(index, gone), undefined);
});

test('as long as too few tell whether what it held was copied by others it does not count', async () => {
  await using bed = await createTestbed({ nodes: 6, members: [0, 1, 2, 3, 4], records: SHORT });
  for (const key of KEYS) await bed.put(0, key, 'v');
  await bed.clock.advance(500);
  bed.partition([0, 1, 2, 3], [4, 5]);
  const without = await bed.snapshot(bed.members(0, 1, 2, 3));
  for (const index of [0, 1, 2, 3]) await bed.give(index, without);
  await bed.clock.advance(5_000);
  for (const key of KEYS) await bed.remove(0, key);
  await pass(bed, AWAY_MS);
  for (const index of [0, 1, 2, 3]) assert.equal(await count(bed, index, 'records'), 0, 'forgotten');
  const again = await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5));
  for (const index of [4, 5]) await bed.settleMembership().then(() => bed.give(index, again));
  await pass(bed, AWAY_MS);
  assert.deepEqual(standings(bed, [4]), ['learner']);
  for (const key of KEYS) assert.notEqual(await bed.get(4, key).catch(() => undefined), 'v');
  await bed.heal();
  await bed.settleMembership();
  await pass(bed, 60_000);
  assert.deepEqual(standings(bed, [4]), ['voter']);
  for (const key of KEYS) assert.equal(await bed.get(4, key), undefined);
});

for (const force of [false, true]) {
  const how = force ? 'by force' : 'as it is usual';
  test(`who was removed ${how} and hears at once that it is listed again, its replicas long after, brings nothing back`, async () => {
    await using bed = await createTestbed({ nodes: 4, records: SHORT, exchange: false });
    const key = bed.findKey((replicas) => replicas.includes(3));
    await bed.put(0, key, 'v');
    await bed.clock.advance(500);
    bed.partition([0, 1, 2], [3]);
    const without = await bed.snapshot(bed.members(0, 1, 2), { force });
    for (const index of [0, 1, 2]) await bed.give(index, without);
    await bed.clock.advance(5_000);
    await bed.remove(0, key);
    const again = await bed.snapshot(bed.members(0, 1, 2, 3));
    await bed.give(3, again);
    await pass(bed, AWAY_MS);
    for (const index of [0, 1, 2]) assert.equal(await count(bed, index, 'records'), 0, 'forgotten');
    await bed.heal();
    await bed.giveAll(again);
    await pass(bed, 60_000);
    for (const index of [0, 1, 2, 3]) assert.equal(await bed.get(index, key), undefined);
    assert.deepEqual(standings(bed, [0, 1, 2, 3]), Array(4).fill('voter'));
  });
}

for (const astray of [false, true]) {
  const where = astray ? 'elsewhere' : 'there';
  test(`nor does one whose clock is hours behind, as it believes when one alone has told the time: it belongs ${where}`, async () => {
    let off = 0;
    let answered = 2;
    await using bed = await createTestbed({
      nodes: 4,
      records: SHORT,
      skewMs: (index) => (index === 3 ? off : 0),
      clocks: (index) => (index === 3 ? { answered, offsetMs: -off } : { answered: 2, offsetMs: 0 }),
    });
    const key = bed.findKey((replicas) => replicas.includes(3));
    await bed.put(0, key, 'v');
    await bed.clock.advance(500);
    await bed.crash(3);
    const without = await bed.snapshot(bed.members(0, 1, 2));
    for (const index of [0, 1, 2]) await bed.give(index, without);
    await bed.clock.advance(20_000);
    await bed.remove(0, key);
    await pass(bed, AWAY_MS);
    for (const index of [0, 1, 2]) assert.equal(await count(bed, index, 'records'), 0, 'forgotten');
    await bed.giveAll(await bed.snapshot(draining(bed, [0, 1, 2, 3], astray ? [3] : [])));
    await bed.clock.advance(1_000);
    off = -3_600_000;
    answered = 1;
    await bed.start(3);
    await bed.clock.advance(astray ? 2_000 : 200);
    answered = 2;
    await pass(bed, 120_000);
    for (const index of [0, 1, 2, 3]) assert.equal(await bed.get(index, key), undefined);
    assert.deepEqual(standings(bed, [0, 1, 2, 3]), Array(4).fill('voter'));
  });
}

test('nor where a slot comes back before what lay astray of it was let go', async () => {
  await using bed = await createTestbed({ nodes: 6, slots: 1, records: SHORT, exchange: false });
  const rest = [0, 1, 3, 4, 5];
  await enact(bed, draining(bed, ALL, [3, 4, 5]));
  await bed.put(0, 'a', 'v');
  await bed.clock.advance(500);
  assert.deepEqual(bed.replicasOf('a').sort(), [0, 1, 2]);
  await bed.crash(2);
  const without = await bed.snapshot(draining(bed, rest, [0, 1]));
  for (const index of rest) await bed.give(index, without);
  await bed.clock.advance(20_000);
  await bed.remove(0, 'a');
  await pass(bed, AWAY_MS);
  for (const index of rest) assert.equal(await count(bed, index, 'records'), 0, 'forgotten');
  const listed = await bed.snapshot(draining(bed, ALL, [0, 1, 2]));
  for (const index of rest) await bed.give(index, listed);
  // It starts where it reaches nobody, so that it takes the slot for its own.
  bed.partition(rest, [2]);
  await bed.start(2);
  await bed.give(2, listed);
  await bed.clock.advance(30_000);
  await bed.heal();
  assert.equal(await count(bed, 2, 'repair_returning'), 1);
  for (let i = 0; i < 200 && (await count(bed, 2, 'repair_returning')) > 0; i++) await bed.clock.advance(20);
  const back = await bed.snapshot(draining(bed, ALL, [0, 1, 5]));
  for (const index of ALL) await bed.give(index, back);
  await pass(bed, 120_000);
  assert.deepEqual(bed.replicasOf('a').sort(), [2, 3, 4]);
  for (const index of ALL) assert.equal(await bed.get(index, 'a'), undefined);
});

for (const breaks of [false, true]) {
  const others = breaks ? 'another comes back without its disk' : 'another is gone';
  test(`an undone removal in the midst of a move ends well though ${others}`, async () => {
    await using bed = await createTestbed({ nodes: 4, members: [0, 1, 2], slots: 4, records: SHORT });
    await bed.put(0, 'a', 'v');
    await pass(bed, KEEP_MS);
    // 0 is drained onto 3, which does not reach it yet, so only 2 settles.
    await bed.crash(1);
    bed.cut(0, 3);
    const moving = await bed.snapshot(draining(bed, [0, 1, 2, 3], [0]));
    for (const index of [0, 2, 3]) await bed.give(index, moving);
    await bed.clock.advance(10_000);
    const gone = await bed.snapshot(bed.members(1, 2, 3));
    for (const index of [0, 2, 3]) await bed.give(index, gone);
    await bed.clock.advance(2_000);
    if (breaks) {
      bed.replaceDisk(1);
      await bed.start(1);
    }
    await bed.heal();
    await bed.clock.advance(2_000);
    await bed.giveAll(await bed.snapshot(draining(bed, [0, 1, 2, 3], [0])));
    await pass(bed, AWAY_MS);
    const up = breaks ? [0, 1, 2, 3] : [0, 2, 3];
    assert.deepEqual(standings(bed, up), Array(up.length).fill('voter'));
    assert.equal(await bed.get(2, 'a'), 'v');
  });
}

test('three whose disks are full are removed, and listed again: what they hold is read', async () => {
  let full = false;
  const refuse = () => Promise.reject(new P2posError('STORE_FULL', { maxBytes: 0 }));
  await using bed = await createTestbed({
    nodes: 6,
    records: SHORT,
    wrapStore: (index, store) =>
      storeThrough(store, {
        write: (statements) => (full && index >= 3 ? refuse() : store.write(statements)),
      }),
  });
  const key = bed.findKey((replicas) => replicas.every((index) => index >= 3));
  await bed.put(0, key, 'v');
  await pass(bed, 2 * KEEP_MS);
  full = true;
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2)));
  await bed.clock.advance(2_000);
  await bed.giveAll(await bed.snapshot(bed.members(...ALL)));
  await pass(bed, 60_000);
  assert.equal(await bed.get(0, key), 'v');
});

test('disks that are full hold up no ring', async () => {
  let full = false;
  const refuse = () => Promise.reject(new P2posError('STORE_FULL', { maxBytes: 0 }));
  await using bed = await createTestbed({
    nodes: 6,
    declare: false,
    exchange: false,
    records: { ...SHORT, replicaCounts: [3, 7] },
    wrapStore: (index, store) =>
      storeThrough(store, {
        write: (statements) => (full && index >= 3 ? refuse() : store.write(statements)),
      }),
  });
  declareRings(bed, [3, 7]);
  const key = bed.findKey((replicas) => replicas.every((index) => index >= 3));
  await bed.put(0, key, 'v');
  await bed.run(bed.node(0).records.put({ ...everywhere, value: bytes('v') }));
  await pass(bed, 2 * KEEP_MS);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2)));
  await bed.clock.advance(2_000);
  const again = await bed.snapshot(bed.members(...ALL));
  // It is kept that they have to come back, and then nothing more.
  bed.partition([0, 1, 2], [3], [4], [5]);
  await bed.giveAll(again);
  await bed.clock.advance(3_000);
  full = true;
  await bed.heal();
  await pass(bed, 60_000);
  assert.equal(await bed.get(0, key), 'v');
  const { found } = await bed.run(bed.node(0).records.get({ ...everywhere, consistency: 'quorum' }));
  assert.ok(found);
});

test('of a number of replicas that is asked for no more nobody comes back', async () => {
  const records = { ...SHORT, replicaCounts: [3] };
  await using bed = await createTestbed({ nodes: 4, declare: false, records });
  const restart = async (replicas: number) => {
    records.replicaCounts = [replicas];
    for (const index of [0, 1, 2, 3]) {
      await bed.crash(index);
      await bed.start(index);
      bed
        .node(index)
        .records.declare({ suffix: '/kv', kind: 'lww', author: 'member', replicas, maxValueBytes: 1_000 });
    }
  };
  await restart(3);
  for (const key of KEYS) await bed.put(0, key, 'v');
  await bed.clock.advance(1_000);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2)));
  await bed.clock.advance(20_000);
  await restart(4);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3)));
  await pass(bed, 60_000);
  assert.deepEqual(standings(bed, [3]), ['voter']);
});

for (const counts of [[3], [3, 7]]) {
  test(`members that were drained take all replicas of a slot when they come back: rings of ${counts}`, async () => {
    await using bed = await createTestbed({
      nodes: 6,
      declare: false,
      records: { ...SHORT, replicaCounts: counts },
    });
    declareRings(bed, counts);
    for (const key of KEYS) await bed.put(0, key, 'v');
    if (counts.includes(7)) await bed.run(bed.node(0).records.put({ ...everywhere, value: bytes('v') }));
    await bed.giveAll(await bed.snapshot(draining(bed, ALL, [3, 4, 5])));
    await pass(bed, 60_000);
    await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2)));
    await pass(bed, AWAY_MS);
    await bed.giveAll(await bed.snapshot(draining(bed, ALL, [0, 1, 2])));
    await pass(bed, 60_000);
    assert.deepEqual(standings(bed, ALL), Array(6).fill('voter'));
    for (const key of KEYS) {
      assert.deepEqual(bed.replicasOf(key).sort(), [3, 4, 5]);
      assert.equal(await bed.get(1, key), 'v');
    }
  });
}
