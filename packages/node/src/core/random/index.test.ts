import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSystemRandom, jitter, shuffle } from './index.ts';

const random = createSystemRandom();

test('bytes are as many as asked for, and others each time', () => {
  assert.equal(random.bytes(0).length, 0);
  assert.equal(random.bytes(33).length, 33);
  assert.notDeepEqual(random.bytes(16), random.bytes(16));
  assert.equal(random.bytes(16).buffer.byteLength, 16);
});

test('float is spread over [0, 1)', () => {
  const tenths = new Set<number>();
  for (let i = 0; i < 1_000; i++) {
    const value = random.float();
    assert.ok(value >= 0 && value < 1);
    tenths.add(Math.floor(value * 10));
  }
  assert.equal(tenths.size, 10);
});

test('jitter stays within its share', () => {
  const float = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const value = fc.integer({ min: 0, max: 1_000_000 });
  fc.assert(
    fc.property(float, value, (chance, ms) => {
      const result = jitter({ bytes: random.bytes, float: () => chance }, ms, 0.25);
      assert.ok(result >= ms * 0.75 && result <= ms * 1.25);
    }),
  );
});

test('shuffle keeps all items, leaves its input alone, and reaches every order', () => {
  const input = [1, 2, 3];
  const orders = new Set(Array.from({ length: 500 }, () => shuffle(random, input).join()));
  assert.equal(orders.size, 6);
  assert.deepEqual(input, [1, 2, 3]);
  fc.assert(
    fc.property(fc.array(fc.integer()), (items) => {
      assert.deepEqual(shuffle(random, items).sort(), [...items].sort());
    }),
  );
});
