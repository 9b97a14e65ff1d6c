/** A forced removal loses what was named before it, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed } from '../testing/testbed.ts';

const QUICK = { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 };

test('two of three replicas removed by force: what is lost was named, all else is there', async () => {
  await using bed = await createTestbed({ nodes: 6, slots: 64, records: QUICK });
  const keys = Array.from({ length: 120 }, (_, i) => `key${i}`);
  const [x, y] = [4, 5];
  for (const key of keys) await bed.put(0, key, 'old');
  const hit = new Set(keys.filter((key) => [x, y].every((i) => bed.replicasOf(key).includes(i))));
  const survivorOf = (key: string) => bed.replicasOf(key).find((i) => i !== x && i !== y) as number;
  // The newest writes of some reach only the two that will be gone.
  const [missed] = [...hit];
  assert.ok(missed !== undefined && hit.size < keys.length / 2);
  const away = survivorOf(missed);
  const via = [0, 1, 2, 3].find((i) => i !== away) as number;
  bed.partition(
    [0, 1, 2, 3, 4, 5].filter((i) => i !== away),
    [away],
  );
  const onlyThere = [...hit].filter((key) => survivorOf(key) === away);
  for (const key of onlyThere) await bed.put(via, key, 'new');
  // Gone with what their coordinator kept for the one that was away.
  await bed.crash(x);
  await bed.crash(y);
  const peerIds = [x, y].map((i) => bed.node(i).peerId);
  await bed.node(via).store.write([{ sql: 'DELETE FROM repair_hints' }]);
  await bed.crash(via);
  await bed.start(via);
  await bed.heal();

  const loss = await bed.run(bed.node(0).records.repair.lossOf(peerIds));
  assert.equal(loss.records, hit.size);
  assert.equal(loss.emptySlots, 0);
  assert.equal(loss.unknownSlots, 0);
  assert.ok(loss.slots > 0 && loss.slots < 64);

  const snapshot = await bed.snapshot(bed.members(0, 1, 2, 3), { force: true });
  for (const index of [0, 1, 2, 3]) await bed.give(index, snapshot);
  await bed.clock.advance(20_000);
  let lost = 0;
  for (const key of keys) {
    const value = await bed.get(1, key);
    const expected = onlyThere.includes(key) ? 'new' : 'old';
    if (value === expected) continue;
    assert.ok(hit.has(key), `${key} was not named and is lost`);
    lost++;
  }
  // Else this would show nothing.
  assert.ok(lost > 0 && lost <= loss.records);
});

test('nothing is named where every slot keeps its majority', async () => {
  await using bed = await createTestbed({ nodes: 5, records: QUICK });
  await bed.put(0, 'key', 'v');
  const { heldSlots, ...loss } = await bed.run(bed.node(0).records.repair.lossOf([bed.node(4).peerId]));
  assert.deepEqual(loss, { slots: 0, records: 0, emptySlots: 0, unknownSlots: 0 });
  assert.ok(heldSlots > 0);
});

test('who drains holds slots until others have copied them, and then none', async () => {
  await using bed = await createTestbed({ nodes: 5, slots: 64, records: QUICK });
  for (let i = 0; i < 40; i++) await bed.put(0, `key${i}`, 'v');
  const held = async () => (await bed.run(bed.node(0).records.repair.lossOf([bed.node(4).peerId]))).heldSlots;
  const before = await held();
  const leaving = bed.node(4).peerId;
  const members = bed.members(0, 1, 2, 3, 4).map((one) => ({ ...one, draining: one.peerId === leaving }));
  const snapshot = await bed.snapshot(members);
  bed.partition([0, 1, 4], [2, 3]);
  for (const index of [0, 1, 2, 3, 4]) await bed.give(index, snapshot);
  await bed.clock.advance(20_000);
  const meanwhile = await held();
  assert.ok(before > 0 && meanwhile > 0 && meanwhile <= before, `${before}, then ${meanwhile}`);
  await bed.heal();
  for (let waited = 0; (await held()) > 0; waited++) {
    assert.ok(waited < 60, 'it is never drained');
    await bed.clock.advance(5_000);
  }
  await bed.crash(4);
  for (let i = 0; i < 40; i++) assert.equal(await bed.get(1, `key${i}`), 'v');
});

test('nobody waits for who drains where it stays a replica for want of others', async () => {
  await using bed = await createTestbed({ nodes: 3, slots: 64, records: QUICK });
  await bed.put(0, 'key', 'v');
  const leaving = bed.node(2).peerId;
  const members = bed.members(0, 1, 2).map((one) => ({ ...one, draining: one.peerId === leaving }));
  await bed.giveAll(await bed.snapshot(members));
  await bed.clock.advance(20_000);
  assert.deepEqual(bed.replicasOf('key').toSorted(), [0, 1, 2]);
  const held = async (index: number) =>
    (await bed.run(bed.node(0).records.repair.lossOf([bed.node(index).peerId]))).heldSlots;
  assert.deepEqual([await held(2), await held(1)], [0, 64]);
});

test('slots without anybody left, or about which nobody answers, are told apart', async () => {
  await using bed = await createTestbed({ nodes: 4, slots: 64, records: QUICK });
  for (let i = 0; i < 40; i++) await bed.put(0, `key${i}`, 'v');
  const removed = [1, 2, 3].map((i) => bed.node(i).peerId);
  const all = await bed.run(bed.node(0).records.repair.lossOf(removed));
  assert.ok(all.emptySlots > 0 && all.slots === 64);
  const two = removed.slice(0, 2);
  await bed.crash(3);
  const some = await bed.run(bed.node(0).records.repair.lossOf(two));
  assert.ok(some.unknownSlots > 0 && some.unknownSlots < some.slots);
});
