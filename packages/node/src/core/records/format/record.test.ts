import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCbor, formatVersion, isP2posError, peerIdFromPublicKey } from '@p2pos/protocol';
import fc from 'fast-check';
import { instantCrypto as crypto } from '../../../testing/instant-crypto.ts';
import { authorOf, decodeHeader, encodeHeader, fitsValue, isDead, type RecordHeader } from './record.ts';

const author = peerIdFromPublicKey(new Uint8Array(32).fill(7));
const key = fc.uint8Array({ minLength: 1, maxLength: 64 });
const header: fc.Arbitrary<RecordHeader> = fc
  .record({
    key,
    partition: fc.option(key, { nil: undefined }),
    ms: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    counter: fc.integer({ min: 0, max: 0xffff }),
    value: fc.option(fc.uint8Array({ maxLength: 100 }), { nil: undefined }),
    expiresAt: fc.option(fc.integer({ min: 1, max: 2 ** 48 }), { nil: undefined }),
  })
  .map(({ key, partition, ms, counter, value, expiresAt }) => ({
    namespace: 'default/kv',
    partition: partition ?? key,
    key,
    version: formatVersion({ ms, counter, author }),
    expiresAt: value && expiresAt,
    value: value && { hash: crypto.sha256(value), bytes: value.length },
  }));

test('a header survives its encoding, and has only one', () => {
  fc.assert(
    fc.property(header, (fields) => {
      const bytes = encodeHeader(fields);
      const read = decodeHeader(bytes);
      assert.deepEqual(read, fields);
      assert.deepEqual(encodeHeader(read), bytes);
      assert.equal(authorOf(read), author);
    }),
  );
});

test('bytes that differ anywhere are another record or none', () => {
  fc.assert(
    fc.property(header, fc.nat(), fc.integer({ min: 1, max: 255 }), (fields, at, flip) => {
      const bytes = encodeHeader(fields);
      const index = at % bytes.length;
      bytes[index] = (bytes[index] as number) ^ flip;
      let read: RecordHeader;
      try {
        read = decodeHeader(bytes);
      } catch {
        return;
      }
      assert.notDeepEqual(read, fields);
    }),
  );
});

const isRefusal = (error: unknown) =>
  isP2posError(error, 'RECORD_INVALID') || isP2posError(error, 'DOCUMENT_MALFORMED');

test('what no node writes is refused', () => {
  const good = [
    'default/kv',
    null,
    new Uint8Array([1]),
    formatVersion({ ms: 1, counter: 0, author }),
    null,
    null,
    0,
  ];
  const hash = new Uint8Array(32);
  const wrong: [number, unknown][] = [
    [0, 'no-slash'],
    [0, 'a/b/c'],
    [0, `a/${'b'.repeat(63)}`],
    [0, 'a\0/kv'],
    [1, new Uint8Array([1])], // must be null when it equals the key
    [1, new Uint8Array(0)],
    [2, new Uint8Array(0)],
    [2, new Uint8Array(1_025)],
    [3, 'x'],
    [4, 5], // a tombstone does not expire
    [4, -1],
    [5, new Uint8Array(31)],
    [6, 3], // a tombstone has no bytes
    [6, 65_537],
  ];
  assert.ok(decodeHeader(encodeCbor([1, ...good])));
  for (const [at, value] of wrong) {
    const fields = good.with(at, value as never);
    assert.throws(
      () => decodeHeader(encodeCbor([1, ...fields])),
      /RecordInvalid|refused|malformed/,
      String(at),
    );
  }
  assert.throws(() => decodeHeader(encodeCbor([2, ...good])), isRefusal);
  assert.throws(() => decodeHeader(encodeCbor([1, ...good, 0])), isRefusal);
  assert.throws(() => decodeHeader(new Uint8Array(3_000)), isRefusal);
  assert.ok(decodeHeader(encodeCbor([1, ...good.with(5, hash)])));
});

test('a value fits by its hash and its length alone', () => {
  const value = new Uint8Array([1, 2, 3]);
  const fields = { value: { hash: crypto.sha256(value), bytes: 3 } } as RecordHeader;
  assert.ok(fitsValue(crypto, fields, value));
  assert.ok(!fitsValue(crypto, fields, new Uint8Array([1, 2, 4])));
  assert.ok(!fitsValue(crypto, { value: undefined } as RecordHeader, value));
});

test('a record is dead from the millisecond of its expiry on', () => {
  const value = { hash: new Uint8Array(32), bytes: 0 };
  assert.ok(!isDead({ value, expiresAt: 10 }, 9));
  assert.ok(isDead({ value, expiresAt: 10 }, 10));
  assert.ok(!isDead({ value, expiresAt: undefined }, 10));
  assert.ok(isDead({ value: undefined, expiresAt: undefined }, 0));
});
