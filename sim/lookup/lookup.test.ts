/** The scenario in short: it holds, it repeats, and it finds what is broken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookup } from './index.ts';

const small = { nodes: 60, hours: 0.05, rate: 1, churn: 100, progress: () => {} };

test('a small network keeps its promises, the same way with the same seed', async () => {
  const [one, other] = [await lookup.run({ ...small, seed: 3 }), await lookup.run({ ...small, seed: 3 })];
  assert.deepEqual(one.violations, []);
  assert.equal(one.trace, other.trace);
  assert.ok((one.counts['lookups'] ?? 0) > 1_000, JSON.stringify(one.counts));
  assert.notEqual((await lookup.run({ ...small, seed: 4 })).trace, one.trace);
});
