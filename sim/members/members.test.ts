/** The scenario in short: it holds, it repeats, and it finds who is not heard. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { members } from './index.ts';

const small = { nodes: 12, hours: 0.1, rate: 1, progress: () => {} };

test('nobody is called offline where 1 % is lost, the same way with the same seed', async () => {
  const [one, other] = [await members.run({ ...small, seed: 3 }), await members.run({ ...small, seed: 3 })];
  assert.deepEqual(one.violations, []);
  assert.equal(one.trace, other.trace);
  assert.ok((one.counts['messages lost'] ?? 0) > 10, JSON.stringify(one.counts));
  assert.notEqual((await members.run({ ...small, seed: 4 })).trace, one.trace);
});

test('where nine of ten messages are lost, it is found', async () => {
  const { violations } = await members.run({ ...small, hours: 0.5, rate: 95, seed: 3 });
  assert.match(violations.join(), /times a member was offline/);
});
