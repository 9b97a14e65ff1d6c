/** A record lies twice where a bit of its name has flipped in one row, and it was missed and written again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { count, enact } from '../testing/strays.ts';
import { createTestbed } from '../testing/testbed.ts';

const QUICK = { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 };

test('a record that lies twice does not keep its slot from moving', async () => {
  await using bed = await createTestbed({ nodes: 4, members: [0, 1, 2], slots: 1, records: QUICK });
  for (let i = 0; i < 20; i++) await bed.put(0, `k${i}`, 'v');
  await bed.clock.advance(1_000);
  const params = [new TextEncoder().encode('k5')];
  await bed.node(1).store.write([{ sql: "UPDATE records SET key = x'00' WHERE key = ?", params }]);
  for (const index of [0, 1, 2]) assert.equal(await bed.get(index, 'k5'), 'v');
  await bed.clock.advance(10_000);
  assert.equal(await count(bed, 1, 'records'), 21);
  // Without it both others are needed.
  await bed.crash(2);
  await enact(bed, bed.members(0, 1, 3));
  await bed.clock.advance(60_000);
  await bed.crash(1);
  assert.equal(await bed.get(3, 'k5'), 'v');
});
