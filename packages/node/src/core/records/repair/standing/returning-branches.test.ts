/** What was deleted stays deleted, and what was acknowledged is there, when another branch of the chain wins meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SignedDocument, Snapshot } from '@p2pos/protocol';
import { count, draining, pass, QUICK } from '../../testing/strays.ts';
import { createTestbed, type Testbed } from '../../testing/testbed.ts';

const KEEP_MS = 120_000;
const SHORT = { ...QUICK, keepDeletedMs: KEEP_MS };
const AWAY_MS = 5 * KEEP_MS;
const ALL = [0, 1, 2, 3, 4, 5];

/** The last of them is in force then. */
async function push(
  bed: Testbed,
  indexes: readonly number[],
  snapshots: readonly SignedDocument<Snapshot>[],
) {
  for (const one of snapshots) for (const index of indexes) await bed.push(index, one);
  for (const index of indexes)
    assert.deepEqual(bed.node(index).membership.view().hash, snapshots.at(-1)?.hash);
}

/** It asks for the snapshots in the order of their epochs, in which those of another branch do not fit. */
const start = (bed: Testbed, index: number) => bed.start(index).catch(() => {});

async function forgotten(bed: Testbed, indexes: readonly number[]): Promise<void> {
  await pass(bed, AWAY_MS);
  for (const index of indexes) assert.equal(await count(bed, index, 'records'), 0, 'forgotten');
}

test('who is listed again on a shorter branch that wins, as it was on the longer one, brings nothing back', async () => {
  await using bed = await createTestbed({
    nodes: 5,
    members: [0, 1, 2, 3],
    records: SHORT,
    exchange: false,
  });
  const others = [0, 1, 2, 4];
  const first = await bed.snapshot(bed.members(0, 1, 2, 3));
  await bed.giveAll(first);
  const key = bed.findKey((replicas) => replicas.includes(3));
  await bed.put(0, key, 'v');
  await bed.clock.advance(500);
  bed.partition(others, [3]);
  const gone = await bed.snapshot(bed.members(0, 1, 2), {}, first);
  await push(bed, others, [gone]);
  await bed.clock.advance(20_000);
  await bed.remove(0, key);
  await forgotten(bed, [0, 1, 2]);
  const same = await bed.snapshot(bed.members(0, 1, 2), {}, gone);
  const listed = await bed.snapshot(bed.members(0, 1, 2, 3), {}, same);
  await push(bed, others, [same, listed]);
  await push(bed, [3], [gone, same, listed]);
  await bed.clock.advance(10_000);
  // Later, by who had not heard of the last two; then all is merged.
  const other = await bed.snapshot(bed.members(0, 1, 2, 4), {}, first);
  const back = await bed.snapshot(bed.members(0, 1, 2, 3), { merges: [listed.hash] }, other);
  await push(bed, others, [other, back]);
  await bed.clock.advance(20_000);
  await push(bed, [3], [other, back]);
  await bed.heal();
  await pass(bed, 60_000);
  for (const index of [0, 1, 2, 3]) {
    assert.equal(bed.node(index).records.repair.standing(), 'voter');
    assert.equal(await bed.get(index, key), undefined);
  }
});

for (const restarts of [false, true]) {
  const whom = restarts ? 'others that have restarted since' : 'others';
  test(`nor does who was removed on both branches, when ${whom} forgot deletions on the one that loses`, async () => {
    // The others copy for longer than who is listed again needs to ask them.
    let far = false;
    await using bed = await createTestbed({
      nodes: 5,
      members: [0, 1, 2, 3],
      records: SHORT,
      exchange: false,
      latencyMs: (a, b) => (far && a !== 3 && b !== 3 ? 200 : 1),
    });
    const others = [0, 1, 2, 4];
    const first = await bed.snapshot(bed.members(0, 1, 2, 3));
    await bed.giveAll(first);
    const key = bed.findKey((replicas) => replicas.includes(3));
    await bed.put(0, key, 'v');
    await bed.clock.advance(500);
    await bed.crash(3);
    const loser = await bed.snapshot(bed.members(0, 1, 2), {}, first);
    await push(bed, others, [loser]);
    await bed.clock.advance(20_000);
    await bed.remove(0, key);
    await forgotten(bed, [0, 1, 2]);
    far = true;
    // By who had not heard of the other; then both are merged, and it is listed again.
    const without = await bed.snapshot(bed.members(0, 1, 2, 4), {}, first);
    const back = await bed.snapshot(bed.members(0, 1, 2, 3), { merges: [loser.hash] }, without);
    await push(bed, others, [without, back]);
    await bed.clock.advance(20);
    for (const index of restarts ? [0, 1, 2] : []) {
      await bed.crash(index);
      await start(bed, index);
    }
    await start(bed, 3);
    await push(bed, [3], [without, back]);
    await bed.heal();
    await pass(bed, 60_000);
    for (const index of [0, 1, 2, 3]) {
      assert.equal(bed.node(index).records.repair.standing(), 'voter');
      assert.equal(await bed.get(index, key), undefined);
    }
  });
}

test('nor does who is refused until the branch that removed it is merged', async () => {
  await using bed = await createTestbed({ nodes: 5, records: SHORT, exchange: false });
  const all = [0, 1, 2, 3, 4];
  const others = [0, 1, 2, 4];
  const first = await bed.snapshot(draining(bed, all, [4]));
  await bed.giveAll(first);
  await bed.clock.advance(5_000);
  const key = bed.findKey((replicas) => replicas.includes(3));
  await bed.put(0, key, 'v');
  await bed.clock.advance(500);
  await bed.crash(3);
  const loser = await bed.snapshot(bed.members(...others), {}, first);
  await push(bed, others, [loser]);
  await bed.clock.advance(1_000);
  const winner = await bed.snapshot(draining(bed, all, [3]), {}, first);
  await push(bed, others, [winner]);
  await bed.clock.advance(20_000);
  await bed.remove(0, key);
  await pass(bed, 8 * KEEP_MS);
  const merged = await bed.snapshot(draining(bed, all, [4]), { merges: [loser.hash] }, winner);
  await push(bed, others, [merged]);
  await start(bed, 3);
  await push(bed, [3], [winner, merged]);
  await bed.heal();
  await pass(bed, 60_000);
  for (const index of all) assert.equal(await bed.get(index, key), undefined);
});

/** The slot goes from 0, 1, 2 to 3, 4, 5 by a branch that is to lose. */
async function takeOver(bed: Testbed) {
  const first = await bed.snapshot(draining(bed, ALL, [3, 4, 5]));
  await bed.giveAll(first);
  await bed.clock.advance(20_000);
  const loser = await bed.snapshot(draining(bed, ALL, [0, 1, 2]), {}, first);
  await push(bed, ALL, [loser]);
  await bed.clock.advance(60_000);
  return { first, loser };
}

test('what a branch acknowledged that lost is never read as absent, though its slot was empty before', async () => {
  await using bed = await createTestbed({ nodes: 6, slots: 1, records: QUICK, exchange: false });
  const { first } = await takeOver(bed);
  assert.deepEqual(bed.replicasOf('a').sort(), [3, 4, 5]);
  await bed.put(0, 'a', 'v');
  await bed.clock.advance(1_000);
  const winner = await bed.snapshot(draining(bed, ALL, [3, 4, 5]), {}, first);
  await push(bed, ALL, [winner]);
  bed.partition([0, 1, 2], [3, 4, 5]);
  for (let i = 0; i < 20; i++) {
    await bed.clock.advance(500);
    await assert.rejects(bed.get(0, 'a'), { code: 'RECORDS_QUORUM_LOST' });
  }
  await bed.heal();
  await bed.clock.advance(60_000);
  assert.equal(await bed.get(0, 'a'), 'v');
});

test('two of three of a branch that lost give what they acknowledged, though one was removed meanwhile', async () => {
  await using bed = await createTestbed({ nodes: 6, slots: 1, records: SHORT, exchange: false });
  const { first, loser } = await takeOver(bed);
  await bed.put(0, 'a', 'v');
  await pass(bed, 2 * KEEP_MS);
  const winner = await bed.snapshot(draining(bed, ALL, [3, 4, 5]), { merges: [loser.hash] }, first);
  bed.partition([0, 1, 2], [3, 4, 5]);
  await push(bed, ALL, [winner]);
  await bed.clock.advance(5_000);
  await bed.crash(5);
  const gone = await bed.snapshot(draining(bed, [0, 1, 2, 4, 5], [4, 5]), {}, winner);
  const back = await bed.snapshot(draining(bed, ALL, [3, 4, 5]), {}, gone);
  await push(bed, [0, 1, 2, 3, 4], [gone, back]);
  await bed.clock.advance(5_000);
  await bed.heal();
  await pass(bed, AWAY_MS);
  assert.equal(await bed.get(0, 'a'), 'v');
});

test('a branch that lost and placed nothing anew holds up nobody who is listed again', async () => {
  await using bed = await createTestbed({
    nodes: 6,
    members: [0, 1, 2, 3, 4],
    records: SHORT,
    exchange: false,
  });
  const first = await bed.snapshot(bed.members(0, 1, 2, 3, 4));
  await bed.giveAll(first);
  await bed.clock.advance(5_000);
  const key = bed.findKey((replicas) => !replicas.includes(3) && !replicas.includes(4));
  const [a, b, x] = bed.replicasOf(key) as [number, number, number];
  await bed.put(3, key, 'v');
  await pass(bed, KEEP_MS);
  await bed.crash(a);
  const rest = [b, 3, 4];
  const loser = await bed.snapshot(draining(bed, [0, 1, 2, 3, 4, 5], [5]), {}, first);
  await push(bed, [...rest, x], [loser]);
  await bed.clock.advance(5_000);
  const winner = await bed.snapshot(bed.members(a, b, 3, 4), { merges: [loser.hash] }, first);
  await push(bed, rest, [winner]);
  await bed.clock.advance(5_000);
  const back = await bed.snapshot(bed.members(0, 1, 2, 3, 4), {}, winner);
  await push(bed, rest, [back]);
  await push(bed, [x], [winner, back]);
  await pass(bed, AWAY_MS);
  assert.equal(await bed.get(3, key), 'v');
  assert.equal(bed.node(x).records.repair.standing(), 'voter');
});

test('what a branch acknowledged that lost is not hidden by what one of its set alone took after', async () => {
  await using bed = await createTestbed({ nodes: 6, slots: 1, records: SHORT, exchange: false });
  const { first, loser } = await takeOver(bed);
  bed.partition([3, 4], [0, 1, 2, 5]);
  await bed.put(4, 'a', 'acknowledged');
  bed.partition([3], [4], [0, 1, 2, 5]);
  await assert.rejects(bed.put(3, 'a', 'by one alone'));
  await pass(bed, 2 * KEEP_MS);
  const winner = await bed.snapshot(draining(bed, ALL, [3, 4, 5]), { merges: [loser.hash] }, first);
  const gone = await bed.snapshot(draining(bed, [0, 1, 2, 4, 5], [4, 5]), {}, winner);
  const back = await bed.snapshot(draining(bed, ALL, [3, 4, 5]), {}, gone);
  await push(bed, ALL, [winner, gone, back]);
  await bed.heal();
  for (const other of [0, 1, 2, 5]) bed.cut(4, other);
  await bed.clock.advance(1);
  for (let i = 0; i < 3_000 && (await count(bed, 3, 'repair_returning')) > 0; i++) await bed.clock.advance(1);
  bed.cut(3, 4);
  await bed.crash(4);
  await pass(bed, 60_000);
  // What one took is of unknown outcome, so it may be there; nothing may not.
  assert.notEqual(await bed.get(0, 'a').catch(() => 'refused'), undefined);
});
