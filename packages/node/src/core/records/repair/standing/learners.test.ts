import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createTempFolder } from '../../../../testing/temp-folder.ts';
import { copiedDisk } from '../../testing/copied-disk.ts';
import { count } from '../../testing/strays.ts';
import { createTestbed, nameOf, type Testbed } from '../../testing/testbed.ts';
import { witnessesNeeded } from './catching-up.ts';
import { judge } from './memory.ts';

const QUICK = { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 };
const keys = Array.from({ length: 40 }, (_, i) => `key${i}`);

async function fill(bed: Testbed, value: string, some: readonly string[] = keys): Promise<void> {
  for (const key of some) await bed.put(0, key, `${value} ${key}`);
}

async function lose(bed: Testbed, index: number): Promise<void> {
  await bed.crash(index);
  bed.replaceDisk(index);
}

const lost = (error: unknown) => isP2posError(error, 'RECORDS_QUORUM_LOST');

test('what is remembered of a disk contradicts another one, and an old copy of it', () => {
  const claim = { storeId: 'a', term: 0, commits: 10 };
  assert.equal(judge(undefined, claim), 'unknown');
  assert.equal(judge(claim, claim), 'known');
  assert.equal(judge(claim, { ...claim, commits: 11 }), 'known');
  assert.equal(judge(claim, { ...claim, commits: 9 }), 'contradicted');
  assert.equal(judge(claim, { ...claim, storeId: 'b', commits: 99 }), 'contradicted');
  // It has caught up since.
  assert.equal(judge(claim, { storeId: 'b', term: 1, commits: 1 }), 'known');
  assert.equal(judge({ ...claim, term: 2 }, { ...claim, commits: 99 }), 'contradicted');
});

test('so many witnesses that no acknowledged write can have escaped them all', () => {
  const peers = (size: number) => Array.from({ length: size }, (_, i) => `p${i}`);
  for (let size = 2; size <= 7; size++) {
    for (let learners = 1; learners < size; learners++) {
      const majority = Math.floor(size / 2) + 1;
      const voters = size - learners;
      const needed = witnessesNeeded(peers(size), learners);
      assert.ok(needed >= 1 && needed <= voters);
      assert.ok(needed * 2 > voters, 'a majority of those who count');
      // Those of a majority that are no learners, and the witnesses, do not fit beside each other.
      const left = majority - learners;
      if (left > 0) assert.ok(needed + left > voters, `${learners} of ${size}`);
    }
  }
});

test('a node that lost its disk counts in no majority before it has caught up, and is whole after', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await fill(bed, 'of');
  await lose(bed, 2);
  await bed.start(2);
  // It reaches node 0 alone, and what was acknowledged by 1 and 2 may have been there and on the lost disk only.
  bed.partition([0, 2], [1]);
  await bed.clock.advance(3_000);
  assert.equal(bed.node(2).records.repair.standing(), 'learner');
  await assert.rejects(bed.put(0, 'key0', 'with a learner'), lost);
  await assert.rejects(bed.get(2, 'key0'), lost);
  await bed.heal();
  await bed.settleStanding();
  assert.equal(await count(bed, 2, 'records'), keys.length);
  bed.partition([0, 2], [1]);
  for (const key of keys.slice(1)) assert.equal(await bed.get(2, key), `of ${key}`);
});

test('a home restored from an old copy counts only after it has caught up', async () => {
  await using folder = await createTempFolder();
  const disk = copiedDisk(folder.path, 2);
  await using bed = await createTestbed({ nodes: 3, records: QUICK, diskFile: disk.file });
  await fill(bed, 'old');
  await bed.clock.advance(100);
  disk.copy();
  await fill(bed, 'new');
  // Everybody hears how far it has come.
  await bed.run(bed.node(2).records.repair.round());
  await disk.restore(bed);
  await bed.start(2);
  bed.partition([0, 2], [1]);
  await bed.clock.advance(3_000);
  assert.equal(bed.node(2).records.repair.standing(), 'learner');
  await assert.rejects(bed.get(2, 'key0'), lost);
  await bed.heal();
  await bed.settleStanding();
  bed.partition([0, 2], [1]);
  for (const key of keys) assert.equal(await bed.get(2, key), `new ${key}`);
});

test('an old copy of a disk counts no more for what it commits before it is known', async () => {
  await using folder = await createTempFolder();
  const disk = copiedDisk(folder.path, 2);
  await using bed = await createTestbed({ nodes: 3, records: QUICK, diskFile: disk.file });
  await bed.put(0, 'key0', 'old');
  await bed.clock.advance(100);
  disk.copy();
  for (let i = 0; i < 20; i++) await bed.put(1, 'key1', `before ${i}`);
  await bed.run(bed.node(2).records.repair.round());
  bed.partition([0], [1, 2]);
  await bed.put(1, 'key0', 'new');
  await disk.restore(bed);
  bed.partition([0], [1], [2]);
  await bed.start(2);
  const local = { sql: 'UPDATE records_clock SET reserved_ms = reserved_ms' };
  for (let i = 0; i < 100; i++) await bed.node(2).store.write([local]);
  await bed.heal();
  bed.partition([0, 2], [1]);
  await bed.clock.advance(3_000);
  assert.equal(bed.node(2).records.repair.standing(), 'learner');
  await assert.rejects(bed.get(0, 'key0'), lost);
});

test('two of three that lost their disks at once learn from the third', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await fill(bed, 'of');
  for (const index of [1, 2]) await lose(bed, index);
  for (const index of [1, 2]) await bed.start(index);
  await bed.settleStanding();
  await bed.crash(0);
  for (const key of keys) assert.equal(await bed.get(1, key), `of ${key}`);
});

test('a vote that its former disk gave is counted by nobody once a replica counts again', async () => {
  let slow = false;
  await using bed = await createTestbed({
    nodes: 4,
    records: { ...QUICK, writeTimeoutMs: 5_000 },
    latencyMs: (from, to) => (slow && (from === 3 || to === 3) && (from === 0 || to === 0) ? 1_500 : 1),
  });
  const key = bed.findKey((replicas) => !replicas.includes(3));
  bed.cut(3, 1);
  slow = true;
  const put = bed.put(3, key, 'v').then(
    () => true,
    () => false,
  );
  await bed.clock.advance(10);
  await lose(bed, 2);
  await bed.start(2);
  const acknowledged = await bed.run(put);
  await bed.settleStanding(60_000);
  bed.partition([1, 2, 3], [0]);
  if (acknowledged) assert.equal(await bed.get(2, key), 'v');
});

test('all disks lost at once: nobody counts until an operator accepts the loss', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await fill(bed, 'of', ['a']);
  // One after another, each while it can still hear what the others remember, and before it has caught up.
  await bed.crash(0);
  await bed.crash(1);
  bed.replaceDisk(1);
  await bed.start(1);
  await bed.clock.advance(1_000);
  await lose(bed, 2);
  await bed.start(2);
  await bed.clock.advance(3_000);
  assert.equal(bed.node(1).records.repair.standing(), 'learner');
  await assert.rejects(bed.put(1, 'a', 'w'), lost);
  for (const index of [1, 2]) await bed.run(bed.node(index).records.repair.acceptLoss());
  await bed.put(1, 'a', 'w');
  assert.equal(await bed.get(2, 'a'), 'w');
});

test('two new disks do not vouch for each other while the third, which is whole, is away', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await fill(bed, 'of');
  await bed.crash(0);
  for (const index of [1, 2]) await lose(bed, index);
  for (const index of [1, 2]) await bed.start(index);
  await bed.clock.advance(3_000);
  assert.equal(bed.node(1).records.repair.standing(), 'unproven');
  await assert.rejects(bed.get(1, 'key0'), lost);
  await assert.rejects(bed.put(1, 'key0', 'anew'), lost);
  await bed.start(0);
  await bed.settleStanding();
  for (const key of keys.slice(1)) assert.equal(await bed.get(2, key), `of ${key}`);
});

test('who has just caught up remembers the disks of others, and does not vouch for a new one', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await fill(bed, 'of');
  await lose(bed, 1);
  await bed.start(1);
  await bed.settleStanding();
  bed.partition([0, 2], [1]);
  await bed.put(0, 'key0', 'since');
  await bed.crash(0);
  await lose(bed, 2);
  await bed.heal();
  await bed.start(2);
  await bed.clock.advance(3_000);
  assert.equal(bed.node(2).records.repair.standing(), 'learner');
  await assert.rejects(bed.get(1, 'key0'), lost);
  await bed.start(0);
  await bed.settleStanding();
  assert.equal(await bed.get(1, 'key0'), 'since');
});

test('a system begins once every member was heard; one that joins then counts though a replica is away', async () => {
  await using bed = await createTestbed({ nodes: 4, members: [0, 1, 2], records: QUICK });
  await bed.put(0, 'a', 'v');
  await bed.crash(2);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3)));
  await bed.settleStanding();
  const key = bed.findKey((replicas) => replicas.includes(3) && replicas.includes(2));
  await bed.put(0, key, 'v');
  assert.equal(await bed.get(3, key), 'v');
});

test('nobody to learn from: the operator accepts the loss', async () => {
  await using bed = await createTestbed({ nodes: 2, members: [0, 1], records: QUICK });
  await bed.put(0, 'a', 'v');
  await lose(bed, 1);
  await bed.start(1);
  await bed.crash(0);
  await bed.clock.advance(3_000);
  await assert.rejects(bed.get(1, 'a'), lost);
  await bed.node(1).records.repair.acceptLoss();
  assert.equal(bed.node(1).records.repair.standing(), 'voter');
});

test('a learner makes no promises to ballots it may have promised against', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK, registers: true });
  const bytes = (text: string) => new TextEncoder().encode(text);
  const name = { namespace: 'default/kv-cas', partition: bytes('a'), key: bytes('a') };
  const change = (index: number, value: string) =>
    bed.run(
      bed.node(index).records.registers.change({ ...name, value: bytes(value), condition: { kind: 'any' } }),
    );
  await change(1, 'one');
  await lose(bed, 2);
  await bed.start(2);
  bed.partition([0, 2], [1]);
  await assert.rejects(change(0, 'two'), (error) => isP2posError(error, 'REPLICA_LEARNING'));
  await bed.heal();
  await bed.settleStanding();
  // Its promises before the loss may reach ten seconds ahead.
  await bed.clock.advance(11_000);
  await bed.crash(1);
  await change(0, 'three');
  const found = await bed.run(bed.node(2).records.registers.read(name));
  assert.deepEqual(found?.value, bytes('three'));
});

test('what a learner takes of a change that asked for no promise does not count', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK, registers: true });
  const bytes = (text: string) => new TextEncoder().encode(text);
  const name = { namespace: 'default/kv-cas', partition: bytes('a'), key: bytes('a') };
  const change = (value: string) =>
    bed.run(
      bed.node(0).records.registers.change({ ...name, value: bytes(value), condition: { kind: 'any' } }),
    );
  await change('one');
  await lose(bed, 2);
  await bed.start(2);
  bed.partition([0, 2], [1]);
  await assert.rejects(change('two'), (error) => isP2posError(error, 'RECORDS_QUORUM_LOST'));
  await bed.heal();
  await bed.settleStanding();
  await bed.clock.advance(11_000);
  await change('three');
  const found = await bed.run(bed.node(1).records.registers.read(name));
  assert.deepEqual(found?.value, bytes('three'));
});

test('a restart with the disk in place counts as soon as one other has answered', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await bed.put(0, 'a', 'v');
  await bed.crash(1);
  await bed.crash(2);
  await bed.start(2);
  assert.equal(await bed.get(2, 'a'), 'v');
  await bed.put(2, 'a', 'w');
  const { found } = await bed.run(bed.node(2).records.get({ ...nameOf('a'), consistency: 'one' }));
  assert.ok(found);
});

test('all disks of a slot that were lost count for nobody though it lay elsewhere once, whatever they meet first', async () => {
  await using bed = await createTestbed({ nodes: 6, members: [0, 1, 2], records: QUICK });
  await bed.clock.advance(2_000);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5)));
  await bed.clock.advance(120_000);
  assert.deepEqual(bed.node(0).records.moves(), { open: 0, unsettled: 0 });
  const key = bed.findKey((replicas) => replicas.every((index) => index >= 3));
  await bed.put(0, key, 'acknowledged');
  await bed.clock.advance(120_000);
  for (const index of [3, 4, 5]) {
    await bed.crash(index);
    bed.replaceDisk(index);
  }
  for (const index of [3, 4, 5]) {
    await bed.start(index);
    for (const other of [0, 1, 2]) bed.cut(index, other);
  }
  await bed.clock.advance(15_000);
  await bed.heal();
  await bed.clock.advance(120_000);
  await assert.rejects(bed.get(0, key), { code: 'RECORDS_QUORUM_LOST' });
});
