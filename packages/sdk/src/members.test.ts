import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, createNetwork } from './testing/played-network.ts';

const page = (cursor: string | null, ...hashes: string[]) => {
  const documents = hashes.map((hash) => ({ hash, epoch: 1, bytes: 'AP8' }));
  return () => Response.json({ documents, cursor });
};

test('documents come page after page; who stops early asks for no more', async () => {
  const cursor = `1.${'a'.repeat(64)}`;
  const network = createNetwork(page(cursor, 'a', 'b'), page(null, 'c'));
  const { members } = createClient(network).client;
  const found = await Array.fromAsync(members.documents('branches'));
  assert.deepEqual(
    found.map(({ hash }) => hash),
    ['a', 'b', 'c'],
  );
  assert.deepEqual(found[0], { hash: 'a', epoch: 1, bytes: 'AP8' });
  assert.deepEqual(
    network.sent.map(({ url }) => new URL(url).search),
    ['?list=branches', `?list=branches&cursor=${cursor}`],
  );
  const other = createNetwork(page(cursor, 'a', 'b'));
  for await (const { hash } of createClient(other).client.members.documents('rotations')) {
    if (hash === 'b') break;
  }
  assert.equal(other.sent.length, 1);
});
