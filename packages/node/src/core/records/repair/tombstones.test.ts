import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTempFolder } from '../../../testing/temp-folder.ts';
import type { Row } from '../../store/index.ts';
import { copiedDisk } from '../testing/copied-disk.ts';
import { declareRings, everywhere } from '../testing/rings.ts';
import { count, DAY_MS, pass, QUICK } from '../testing/strays.ts';
import { createTestbed, type Testbed } from '../testing/testbed.ts';
import { heldBackBy } from './tombstones.ts';

const rows = (bed: Testbed, index: number) => count(bed, index, 'records');

test('who has not reconciled since, or may hold what belongs to others, holds a deletion back', () => {
  const marks = {
    reconciledAt: (peerId: string) => ({ a: 10, b: 9 })[peerId],
    cleanAt: (peerId: string) => ({ c: 10, d: 3 })[peerId],
  };
  assert.deepEqual(heldBackBy({ count: 3, slot: 1, seenAt: 10 }, new Set(['a']), ['a', 'c'], marks), []);
  assert.deepEqual(
    heldBackBy({ count: 3, slot: 1, seenAt: 10 }, new Set(['a', 'b']), ['a', 'b', 'c', 'd', 'e'], marks),
    ['b', 'd', 'e'],
  );
  // A replica that is no member any more.
  assert.deepEqual(heldBackBy({ count: 3, slot: 1, seenAt: 10 }, new Set(['a', 'x']), ['a', 'c'], marks), [
    'x',
  ]);
});

test('a deletion is forgotten after a day when all have it, and not before', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await bed.put(0, 'a', 'v');
  await bed.put(0, 'stays', 'v');
  await bed.remove(0, 'a');
  await pass(bed, DAY_MS - 600_000);
  for (const index of [0, 1, 2]) assert.equal(await rows(bed, index), 2);
  await pass(bed, 1_500_000);
  for (const index of [0, 1, 2]) {
    assert.equal(await rows(bed, index), 1, `node ${index}`);
    assert.deepEqual(bed.node(index).records.repair.heldBackBy(), []);
  }
  assert.equal(await bed.get(1, 'a'), undefined);
  assert.equal(await bed.get(1, 'stays'), 'v');
});

test('an absent member holds a deletion back, and what it still has does not rise again', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await bed.put(0, 'a', 'v');
  await bed.clock.advance(100);
  await bed.crash(2);
  await bed.remove(0, 'a');
  await pass(bed, DAY_MS + 1_200_000);
  for (const index of [0, 1]) {
    assert.equal(await rows(bed, index), 1, 'the deletion is still known');
    assert.deepEqual(bed.node(index).records.repair.heldBackBy(), [bed.node(2).peerId]);
  }
  await bed.start(2);
  await pass(bed, 1_200_000);
  for (const index of [0, 1, 2]) {
    assert.equal(await bed.get(index, 'a'), undefined);
    assert.equal(await rows(bed, index), 0, `node ${index}`);
  }
});

test('an old copy of a disk brings back nothing that was deleted and forgotten since', async () => {
  await using folder = await createTempFolder();
  const disk = copiedDisk(folder.path, 2);
  await using bed = await createTestbed({ nodes: 3, records: QUICK, diskFile: disk.file });
  await bed.put(0, 'a', 'v');
  await bed.put(0, 'stays', 'v');
  await bed.clock.advance(100);
  disk.copy();
  await bed.remove(0, 'a');
  await pass(bed, DAY_MS + 1_200_000);
  assert.equal(await rows(bed, 0), 1);
  await disk.restore(bed);
  await bed.start(2);
  await bed.settleStanding();
  await pass(bed, 300_000);
  for (const index of [0, 1, 2]) {
    assert.equal(await bed.get(index, 'a'), undefined);
    assert.equal(await bed.get(index, 'stays'), 'v');
    assert.equal(await rows(bed, index), 1, `node ${index}`);
  }
  // It was taken out of service, not destroyed.
  const aside = await bed.node(2).store.read('SELECT header FROM repair_aside');
  assert.equal(aside.length, 1);
});

test('a deletion that was forgotten here is taken again where what it deleted has come back', async () => {
  await using bed = await createTestbed({ nodes: 3, slots: 1, records: QUICK });
  const rowOf = async () => (await bed.node(0).store.read<Row>('SELECT * FROM records'))[0] as Row;
  await bed.put(0, 'a', 'v');
  await bed.clock.advance(200);
  const before = await rowOf();
  await bed.remove(0, 'a');
  await bed.clock.advance(200);
  const deletion = await rowOf();
  await pass(bed, DAY_MS + 1_800_000);
  for (const index of [0, 1, 2]) assert.equal(await rows(bed, index), 0);
  for (const [index, row] of [before, deletion, deletion].entries()) {
    const names = Object.keys(row);
    const sql = `INSERT INTO records (${names}) VALUES (${names.map(() => '?')})`;
    await bed.node(index).store.write([{ sql, params: Object.values(row) }]);
  }
  // What was written beside the table shows once the slot has changed.
  await bed.put(0, 'other', 'v');
  await pass(bed, 2 * DAY_MS);
  for (const index of [0, 1, 2]) assert.equal(await bed.get(index, 'a'), undefined);
});

test('a deletion waits for who is no member any more, where it belongs to a set that is needed', async () => {
  await using bed = await createTestbed({ nodes: 5, records: { ...QUICK, keepDeletedMs: 120_000 } });
  const key = bed.findKey((replicas) => !replicas.includes(3) && !replicas.includes(4));
  const [a, b, c] = bed.replicasOf(key) as [number, number, number];
  await bed.put(3, key, 'v');
  await bed.clock.advance(200);
  await bed.crash(c);
  await bed.remove(3, key);
  await bed.clock.advance(200);
  await bed.crash(b);
  const without = await bed.snapshot(bed.members(a, 3, 4));
  for (const index of [a, 3, 4]) await bed.give(index, without);
  await pass(bed, 900_000);
  assert.equal(await rows(bed, a), 1, 'the deletion is still known');
  assert.deepEqual(
    [...bed.node(a).records.repair.heldBackBy()].sort(),
    [bed.node(b).peerId, bed.node(c).peerId].sort(),
  );
  // Forgotten, it would be undone by the one that missed it.
  await bed.giveAll(await bed.snapshot(bed.members(a, c, 3, 4)));
  await bed.start(c);
  await bed.settleMembership();
  await pass(bed, 120_000);
  assert.equal(await bed.get(3, key), undefined);
});

test('a replica that was away gets what it missed as soon as it answers', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await bed.crash(2);
  for (let i = 0; i < 20; i++) await bed.put(0, `k${i}`, 'v');
  await bed.clock.advance(2_000);
  assert.deepEqual(bed.node(0).records.repair.hintsFor(), [bed.node(2).peerId]);
  await bed.start(2);
  await bed.clock.advance(2_500);
  assert.equal(await rows(bed, 2), 20);
  assert.deepEqual(bed.node(0).records.repair.hintsFor(), []);
});

test('a hint is nobody’s vote', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await bed.crash(1);
  await bed.crash(2);
  await assert.rejects(bed.put(0, 'k', 'v'));
  await bed.clock.advance(1_000);
  const [row] = await bed.node(0).store.read<{ n: number }>('SELECT count(*) AS n FROM repair_hints');
  assert.equal(row?.n, 0);
});

test('a hint that nobody fetched in three hours is let go', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await bed.crash(2);
  await bed.put(0, 'k', 'v');
  const kept = async () => (await bed.node(0).store.read('SELECT id FROM repair_hints')).length;
  await bed.clock.advance(5_000);
  assert.equal(await kept(), 1);
  await bed.clock.advance(3 * 3_600_000);
  assert.equal(await kept(), 0);
});

test('a member that was listed again after long, and never stopped, brings back nothing', async () => {
  await using bed = await createTestbed({ nodes: 4, records: QUICK });
  const key = bed.findKey((replicas) => replicas.includes(3));
  await bed.put(0, key, 'v');
  await bed.clock.advance(200);
  bed.partition([0, 1, 2], [3]);
  const without = await bed.snapshot(bed.members(0, 1, 2), { force: true });
  for (const index of [0, 1, 2]) await bed.give(index, without);
  await bed.clock.advance(20_000);
  await bed.remove(0, key);
  await pass(bed, 3 * DAY_MS);
  for (const index of [0, 1, 2]) assert.equal(await rows(bed, index), 0, 'the deletion is forgotten');
  await bed.heal();
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3)));
  for (let i = 0; i < 20; i++) {
    await bed.clock.advance(100);
    assert.equal(await bed.get(i % 3, key).catch(() => undefined), undefined);
  }
  await pass(bed, 600_000);
  for (const index of [0, 1, 2, 3]) {
    assert.equal(await bed.get(index, key), undefined);
    assert.equal(bed.node(index).records.repair.standing(), 'voter');
  }
});

test('deletions that lie in a ring which is asked for no more hold up no others', async () => {
  const records = { ...QUICK, replicaCounts: [3, 7] };
  await using bed = await createTestbed({ nodes: 3, declare: false, records });
  declareRings(bed, [3, 7]);
  await bed.run(bed.node(0).records.put({ ...everywhere, value: new Uint8Array(1) }));
  await bed.run(bed.node(0).records.delete(everywhere));
  await bed.put(0, 'a', 'v');
  await bed.remove(0, 'a');
  await bed.clock.advance(1_000);
  for (const index of [0, 1, 2]) await bed.crash(index);
  records.replicaCounts = [3];
  for (const index of [0, 1, 2]) await bed.start(index);
  declareRings(bed, [3]);
  await pass(bed, DAY_MS + 1_500_000);
  for (const index of [0, 1, 2]) {
    assert.equal(await rows(bed, index), 1, `node ${index}`);
    assert.deepEqual(bed.node(index).records.repair.heldBackBy(), []);
  }
});

for (const damage of ['slot = slot + 4096', 'replicas = replicas + 16'])
  test(`a deletion whose row is damaged holds up no others: ${damage}`, async () => {
    await using bed = await createTestbed({
      nodes: 3,
      records: { ...QUICK, keepDeletedMs: 300_000 },
    });
    for (let i = 0; i < 100; i++) await bed.put(0, `k${i}`, 'v');
    for (const key of ['k50', 'k51']) await bed.remove(0, key);
    await bed.clock.advance(240_000);
    const { store } = bed.node(1);
    const sql = `UPDATE records SET ${damage} WHERE key = ?`;
    await store.write([{ sql, params: [new TextEncoder().encode('k50')] }]);
    await pass(bed, 300_000);
    const left = await store.read<Row>('SELECT key FROM records WHERE tombstone = 1');
    assert.ok(!left.some((row) => Buffer.from(row['key'] as Uint8Array).toString() === 'k51'));
  });

for (const column of ['namespace', 'key', 'partition'])
  test(`what is deleted does not come back from a row that lies under another name: ${column}`, async () => {
    await using bed = await createTestbed({
      nodes: 3,
      slots: 1,
      records: { ...QUICK, keepDeletedMs: 300_000 },
    });
    for (let i = 0; i < 100; i++) await bed.put(0, `k${i}`, 'v');
    const [key, partition] = [new TextEncoder().encode('a'), new TextEncoder().encode('part')];
    const name = { namespace: 'default/kv', key, partition };
    await bed.run(bed.node(0).records.put({ ...name, value: key }));
    await bed.clock.advance(1_000);
    const flipped = column === 'namespace' ? "'default/kw'" : "CAST('qart' AS BLOB)";
    const sql = `UPDATE records SET ${column} = ${flipped} WHERE partition <> x''`;
    await bed.node(1).store.write([{ sql }]);
    await bed.run(bed.node(0).records.delete(name));
    await pass(bed, 1_800_000);
    for (const index of [0, 1, 2]) {
      const read = bed.node(index).records.get({ ...name, consistency: 'quorum' });
      assert.equal((await bed.run(read)).found, undefined);
    }
  });

test('what is alive is not forgotten where its row alone says that it is deleted', async () => {
  await using bed = await createTestbed({ nodes: 3, records: { ...QUICK, keepDeletedMs: 300_000 } });
  for (let i = 0; i < 100; i++) await bed.put(0, `k${i}`, 'v');
  await bed.clock.advance(360_000);
  const { store } = bed.node(1);
  const params = [new TextEncoder().encode('k50')];
  await store.write([{ sql: 'UPDATE records SET tombstone = 1 WHERE key = ?', params }]);
  await pass(bed, 600_000);
  assert.equal(await rows(bed, 1), 100);
  assert.equal(await rows(bed, 0), 100);
});

test('what one replica does not take holds back no deletions of other slots', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  const common = { kind: 'lww', author: 'member', replicas: 3, maxValueBytes: 100 } as const;
  for (const index of [0, 1]) bed.node(index).records.declare({ suffix: '/new', ...common });
  const k = new TextEncoder().encode('k');
  const name = { namespace: 'default/new', key: k, partition: k };
  await bed.run(bed.node(0).records.put({ ...name, value: k }));
  await bed.put(0, 'a', 'v');
  await bed.remove(0, 'a');
  await pass(bed, 3 * DAY_MS);
  assert.equal(await rows(bed, 0), 1);
});

test('a deletion that is young is not forgotten where its row alone says that it is old', async () => {
  await using bed = await createTestbed({ nodes: 3, records: { ...QUICK, keepDeletedMs: 7_200_000 } });
  for (let i = 0; i < 100; i++) await bed.put(0, `k${i}`, 'v');
  await bed.remove(0, 'k50');
  await bed.clock.advance(1_000);
  const { store } = bed.node(1);
  const sql = "UPDATE records SET version = '00' || substr(version, 3) WHERE tombstone = 1";
  await store.write([{ sql }]);
  await pass(bed, 600_000);
  assert.equal(await rows(bed, 1), 100);
});
