import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed } from '../testing/testbed.ts';
import { requireHeldBy } from './held-by.ts';

test('the number of replicas may change as long as there are no records, and not later', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  const { store } = bed.node(0);
  for (const replicas of [5, 3, 3]) await requireHeldBy(store, replicas);
  await bed.put(0, 'k', 'v');
  await bed.clock.advance(1_000);
  await requireHeldBy(store, 3);
  await assert.rejects(requireHeldBy(store, 5), {
    code: 'CONFIG_INVALID',
    message:
      'this home: records.replicas is 5, and its records are held by 3 members each: set it to 3; it cannot be changed once there are records',
  });
  await requireHeldBy(store, 3);
});

test('a home that never had records takes any number', async () => {
  await using bed = await createTestbed({ nodes: 1, declare: false });
  const { store } = bed.node(0);
  const bare = { ...store, read: async (sql: string) => (sql.includes('master') ? [] : store.read(sql)) };
  for (const replicas of [3, 9]) await requireHeldBy(bare as typeof store, replicas);
});
