import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from './seeded-random.ts';

const draw = (seed: string | number) => {
  const random = createSeededRandom(seed);
  return [random.float(), random.below(1_000), ...random.bytes(4)];
};

test('the same seed repeats, another does not', () => {
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
});

test('a fork does not depend on what was drawn before it', () => {
  const a = createSeededRandom(7);
  const b = createSeededRandom(7);
  b.float();
  assert.equal(a.fork('net').float(), b.fork('net').float());
  assert.notEqual(a.fork('net').float(), a.fork('disk').float());
});

test('floats are uniform enough to schedule by', () => {
  const random = createSeededRandom('uniform');
  const buckets = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) buckets[Math.floor(random.float() * 10)]! += 1;
  for (const count of buckets) assert.ok(count > 900 && count < 1_100, buckets.join());
});
