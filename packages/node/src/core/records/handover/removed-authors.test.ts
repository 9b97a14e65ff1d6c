/** What a member wrote before its removal reached the replicas was acknowledged, so it stays readable and moves as anything else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeDocument, formatTimestamp, type Member, P2posError, snapshotDocument } from '@p2pos/protocol';
import { createTestbed, nameOf, type Testbed } from '../testing/testbed.ts';

const QUICK = { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 };
const FIRST = { list: 'snapshots', after: { epoch: 0, hash: '' }, maxDocuments: 1, maxBytes: 1 } as const;
const KEYS = Array.from({ length: 20 }, (_, i) => `key${i}`);

async function rows(bed: Testbed, index: number, key: string): Promise<number> {
  const sql = 'SELECT count(*) AS n FROM records WHERE key = ?';
  const [row] = await bed.node(index).store.read<{ n: number }>(sql, [nameOf(key).key]);
  return row?.n ?? 0;
}

const unsettled = (bed: Testbed, indexes: readonly number[]) =>
  indexes.map((index) => bed.node(index).records.moves().unsettled);

test('what was written just before a removal that is dated back is read and copied', async () => {
  await using bed = await createTestbed({ nodes: 6, records: QUICK });
  await bed.clock.advance(600_000);
  for (const key of KEYS) await bed.put(3, key, 'acknowledged');
  const left = [0, 1, 2, 4, 5];
  const issuedAt = formatTimestamp(bed.clock.now() - 295_000);
  await bed.giveAll(await bed.snapshot(bed.members(...left), { issuedAt }));
  await bed.clock.advance(60_000);
  assert.deepEqual(unsettled(bed, left), [0, 0, 0, 0, 0]);
  for (const key of KEYS) for (const index of left) assert.equal(await bed.get(index, key), 'acknowledged');
  assert.equal(await bed.run(bed.node(0).records.repair.round()), true);
});

/** Node 3 writes a key of nodes 0, 1 and 2 while node 0 alone has heard, long ago, that node 3 was removed. */
async function writtenBehindAPartition(): Promise<{ bed: Testbed; key: string }> {
  const bed = await createTestbed({ nodes: 5, exchange: false });
  const key = bed.findKey((replicas) => [0, 1, 2].every((index) => replicas.includes(index)));
  bed.partition([0], [1, 2, 3, 4]);
  const removal = await bed.snapshot(bed.members(0, 1, 2, 4));
  await bed.give(0, removal);
  await bed.clock.advance(3_600_000);
  assert.equal((await bed.put(3, key, 'acknowledged')).replicas.length, 2);
  await bed.heal();
  for (const index of [1, 2, 4]) await bed.give(index, removal);
  return { bed, key };
}

test('what was acknowledged behind a partition, long after the removal of its author, reaches every replica', async () => {
  const { bed, key } = await writtenBehindAPartition();
  await using _bed = bed;
  await bed.clock.advance(120_000);
  assert.equal(await rows(bed, 0, key), 1);
  assert.equal(await bed.run(bed.node(0).records.repair.round()), true);
  const draining = (member: Member) => ({ ...member, draining: member.peerId === bed.node(1).peerId });
  const drained = await bed.snapshot(bed.members(0, 1, 2, 4).map(draining));
  for (const index of [0, 1, 2, 4]) await bed.give(index, drained);
  await bed.clock.advance(60_000);
  assert.deepEqual(unsettled(bed, [0, 1, 2, 4]), [0, 0, 0, 0]);
  await bed.crash(2);
  for (const index of [0, 1, 4]) assert.equal(await bed.get(index, key), 'acknowledged');
});

test('a replica that reads such a record writes it back to one that lacks it', async () => {
  const { bed, key } = await writtenBehindAPartition();
  await using _bed = bed;
  await bed.crash(2);
  // Before the replicas have compared: node 0 has nothing, node 1 alone gives the record.
  assert.equal(await rows(bed, 0, key), 0);
  assert.equal(await bed.get(1, key), 'acknowledged');
  assert.equal(await rows(bed, 0, key), 1);
});

test('the author of a record may have been a member on a branch alone that lost', async () => {
  await using bed = await createTestbed({ nodes: 6, members: [0, 1, 2, 3, 5], records: QUICK });
  const [first] = await bed
    .node(0)
    .membership.documents(FIRST)
    .then(({ documents }) => documents);
  const losing = await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5));
  await bed.giveAll(losing);
  await bed.clock.advance(10_000);
  for (const key of KEYS) await bed.put(4, key, 'acknowledged');
  const parent = decodeDocument(snapshotDocument, first?.bytes as Uint8Array, bed.system.crypto);
  const winning = await bed.snapshot(bed.members(0, 1, 2, 3, 5), {}, parent);
  for (const index of [0, 1, 2, 3, 5]) await bed.push(index, winning);
  // After a start it is known from the disk alone.
  await bed.clock.advance(10_000);
  await bed.crash(2);
  await bed.start(2);
  await bed.settleStanding();
  const draining = (member: Member) => ({ ...member, draining: member.peerId === bed.node(1).peerId });
  const drained = await bed.snapshot(bed.members(0, 1, 2, 3, 5).map(draining), {}, winning);
  for (const index of [0, 1, 2, 3, 5]) await bed.push(index, drained);
  await bed.clock.advance(60_000);
  assert.deepEqual(unsettled(bed, [0, 1, 2, 3, 5]), [0, 0, 0, 0, 0]);
  for (const key of KEYS)
    for (const index of [0, 1, 2, 3, 5]) assert.equal(await bed.get(index, key), 'acknowledged');
});

test('a value that its former replicas took is handed over, though new ones take none that large', async () => {
  await using bed = await createTestbed({ nodes: 5, members: [0, 1, 2, 3], declare: false, records: QUICK });
  for (const { index, records } of bed.nodes())
    records.declare({
      suffix: '/kv',
      kind: 'lww',
      author: 'member',
      replicas: 3,
      maxValueBytes: index === 4 ? 8 : 1_000,
      validate({ value }) {
        if (index === 4 && value.length > 4) throw new P2posError('BAD_REQUEST', { reason: 'Too long.' });
      },
    });
  for (const key of KEYS) await bed.put(0, key, 'v'.repeat(KEYS.indexOf(key)));
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4)));
  await bed.clock.advance(30_000);
  assert.deepEqual(unsettled(bed, [0, 1, 2, 3, 4]), [0, 0, 0, 0, 0]);
  const key = KEYS.findLast((one) => bed.replicasOf(one).includes(4)) as string;
  assert.equal(await rows(bed, 4, key), 1);
});
