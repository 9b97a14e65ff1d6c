/** What nodes tell each other of their disks, where something keeps them from knowing better. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { storeThrough } from '../../../../testing/store-through.ts';
import { count, DAY_MS, draining, pass, QUICK } from '../../testing/strays.ts';
import { createTestbed, nameOf } from '../../testing/testbed.ts';

test('nodes whose disks take nothing any more are restarted, and read', async () => {
  let full = false;
  await using bed = await createTestbed({
    nodes: 3,
    records: QUICK,
    wrapStore: (index, store) =>
      storeThrough(store, {
        write: (statements) =>
          full && index !== 0
            ? Promise.reject(new P2posError('STORE_FULL', { maxBytes: 0 }))
            : store.write(statements),
      }),
  });
  await bed.put(0, 'a', 'v');
  await bed.clock.advance(500);
  full = true;
  for (const index of [1, 2]) await bed.crash(index);
  for (const index of [1, 2]) await bed.start(index);
  await bed.clock.advance(60_000);
  assert.equal(await bed.get(0, 'a'), 'v');
});

test('that a member holds nothing of others is not believed by a snapshot that it has not heard of', async () => {
  await using bed = await createTestbed({
    nodes: 4,
    records: QUICK,
    exchange: false,
  });
  const key = bed.findKey((replicas) => replicas.includes(3));
  await bed.put(0, key, 'v');
  await bed.clock.advance(200);
  bed.partition([0, 1, 2], [3]);
  await bed.remove(0, key);
  await pass(bed, 5 * DAY_MS);
  const moved = await bed.snapshot(draining(bed, [0, 1, 2, 3], [3]));
  for (const index of [0, 1, 2]) await bed.give(index, moved);
  await pass(bed, 1_200_000);
  await bed.heal();
  await pass(bed, 180_000);
  // Before it has offered what it holds, the slot is its own again.
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3)));
  await pass(bed, 200_000);
  assert.equal(await bed.get(0, key), undefined);
});

test('what its author signed long before it arrives does not undo a deletion that was forgotten', async () => {
  await using bed = await createTestbed({
    nodes: 4,
    members: [0, 1, 2],
    exchange: false,
    // Of a machine that sleeps the timeouts stand still.
    records: { writeTimeoutMs: 1_200_000, readTimeoutMs: 1_000, keepDeletedMs: 60_000 },
  });
  const { peerId } = bed.node(3);
  const members = bed
    .members(0, 1, 2, 3)
    .map((member) => (member.peerId === peerId ? { ...member, tier: 3 as const, capabilities: [] } : member));
  await bed.giveAll(await bed.snapshot(members));
  await bed.clock.advance(120_000);
  const next = await bed.snapshot(members);
  for (const index of [0, 1, 2]) await bed.give(index, next);
  await bed.clock.advance(1_000);
  // Refused as long as it follows the snapshot before.
  const late = bed.node(3).records.put({ ...nameOf('a'), value: new TextEncoder().encode('old') });
  late.catch(() => {});
  await bed.clock.advance(500);
  await bed.put(0, 'a', 'new');
  await bed.remove(0, 'a');
  await pass(bed, 480_000);
  for (const index of [0, 1, 2])
    assert.equal(await count(bed, index, 'records'), 0, 'the deletion is forgotten');
  await bed.give(3, next);
  await assert.rejects(bed.run(late), { code: 'RECORD_INVALID' });
  assert.equal(await bed.get(0, 'a'), undefined);
});
