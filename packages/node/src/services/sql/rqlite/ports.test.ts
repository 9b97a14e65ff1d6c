import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSystemRandom } from '../../../core/random/index.ts';
import { holdPort } from './ports.ts';

test('a port that one node has chosen is chosen by no other before something listens there', async () => {
  const random = createSystemRandom();
  const range = { first: 21_300, count: 12 };
  const none = new Set<number>();
  const held = await Promise.all(Array.from({ length: 6 }, () => holdPort(random, range, '127.0.0.1', none)));
  assert.equal(new Set(held.map(({ port }) => port)).size, 6);
  await Promise.all(held.map(({ release }) => release()));
  const [first] = held;
  const only = { first: first?.port ?? 0, count: 1 };
  const again = await holdPort(random, only, '127.0.0.1', none);
  await assert.rejects(holdPort(random, only, '127.0.0.1', none), { code: 'SQL_LIMIT' });
  await again.release();
});
