/** Disks that take nothing more: what was acknowledged before is read all the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { storeThrough } from '../../../testing/store-through.ts';
import { createTestbed } from '../testing/testbed.ts';

test('what two of three hold is read through the third, though nobody can write it there', async () => {
  let full = false;
  const refuse = () => Promise.reject(new P2posError('STORE_FULL', { maxBytes: 0 }));
  await using bed = await createTestbed({
    nodes: 3,
    records: { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 },
    wrapStore: (_, store) =>
      storeThrough(store, { write: (statements) => (full ? refuse() : store.write(statements)) }),
  });
  await bed.settleStanding();
  bed.cut(0, 2);
  bed.cut(1, 2);
  await bed.put(0, 'key', 'v');
  full = true;
  await bed.heal();
  for (const index of [0, 1, 2]) assert.equal(await bed.get(index, 'key'), 'v');
});
