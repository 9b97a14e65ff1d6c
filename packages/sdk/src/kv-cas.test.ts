import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, createNetwork, ok } from './testing/played-network.ts';

test('compareAndSet never writes without a condition', async () => {
  const network = createNetwork(ok);
  const { cas } = createClient(network).client.kv;
  // As `entry?.version` is where there was no entry, or of what has no version at all.
  for (const version of [undefined, '', 7, {}]) {
    await assert.rejects(cas.compareAndSet('k', 'v', version as never), { code: 'BAD_REQUEST' });
    await assert.rejects(cas.put('k', 'v', { ifVersion: version as never }), { code: 'BAD_REQUEST' });
    await assert.rejects(cas.delete('k', { ifVersion: version as never }), { code: 'BAD_REQUEST' });
  }
  assert.equal(network.sent.length, 0);
  await cas.compareAndSet('k', 'v', null);
  await cas.compareAndSet('k', 'v', '1-a');
  await cas.ifAbsent('k', 'v');
  assert.deepEqual(
    network.sent.map(({ headers }) => [headers.get('if-none-match'), headers.get('if-match')]),
    [
      ['*', null],
      [null, '"1-a"'],
      ['*', null],
    ],
  );
});
