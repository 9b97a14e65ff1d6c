import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { sha256 } from './sha256.ts';

const reference = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());

test('every length around the borders of a block', () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff);
    assert.deepEqual(sha256(bytes), reference(bytes), String(length));
  }
});

test('any bytes, also as a part of a longer buffer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_000 }), fc.nat(7), (bytes, offset) => {
      const within = new Uint8Array(bytes.length + offset + 3);
      within.set(bytes, offset);
      assert.deepEqual(sha256(within.subarray(offset, offset + bytes.length)), reference(bytes));
    }),
  );
});

test('a mebibyte', () => {
  const bytes = new Uint8Array(1_048_576).fill(0x61);
  assert.deepEqual(sha256(bytes), reference(bytes));
});
