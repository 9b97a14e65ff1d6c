import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed } from '../testing/testbed.ts';

const VALUE = 'v'.repeat(8_000);

test('a quorum read moves digests, not values', async () => {
  let bytes = 0;
  const sent = (_from: number, size: number) => {
    bytes += size;
  };
  await using bed = await createTestbed({ nodes: 3, sent });
  await bed.settleStanding();
  await bed.put(0, 'k', VALUE);
  await bed.clock.advance(100);
  bytes = 0;
  for (let i = 0; i < 10; i++) assert.equal(await bed.get(i % 3, 'k'), VALUE);
  assert.ok(bytes < VALUE.length, `${bytes} bytes`);
});

test('a replica that lags is found by its digest, passed over and mended', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await bed.put(0, 'k', 'before');
  bed.partition([0, 1], [2]);
  await bed.put(0, 'k', 'after');
  await bed.heal();
  assert.equal(await bed.get(2, 'k'), 'after');
  assert.equal(await bed.get(0, 'k'), 'after');
});

test('what nobody holds is agreed on as well', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  assert.equal(await bed.get(1, 'nothing'), undefined);
});
