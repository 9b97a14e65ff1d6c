import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressSchema,
  bytesSchema,
  compareVersions,
  formatDuration,
  formatTimestamp,
  formatVersion,
  fromBase64url,
  fromHex,
  hexHashSchema,
  integerSchema,
  isPeerId,
  isTimestamp,
  isVersion,
  parseDuration,
  parseTimestamp,
  parseVersion,
  peerIdFromPublicKey,
  publicKeyFromPeerId,
  systemIdOf,
  textSchema,
  toBase64url,
  toHex,
  versionSchema,
} from './index.ts';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const instant = fc.integer({ min: 0, max: 253_402_300_799_999 });
const base58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const bad = { code: 'BAD_REQUEST' };

test('a peer id and its key are the same information', () => {
  fc.assert(
    fc.property(key, (publicKey) => {
      const peerId = peerIdFromPublicKey(publicKey);
      assert.ok(isPeerId(peerId));
      assert.deepEqual(publicKeyFromPeerId(peerId), publicKey);
    }),
  );
});

test('text that passes as a peer id is the id of a key', () => {
  const digits = fc.string({ unit: fc.constantFrom(...base58), minLength: 44, maxLength: 44 });
  let accepted = 0;
  fc.assert(
    fc.property(digits, (rest) => {
      const text = `12D3KooW${rest}`;
      if (!isPeerId(text)) return;
      accepted++;
      assert.equal(peerIdFromPublicKey(publicKeyFromPeerId(text)), text);
    }),
    { numRuns: 1_000 },
  );
  assert.ok(accepted > 100 && accepted < 1_000, `${accepted} of 1 000 accepted`);
});

test('keys and hashes of another length name nothing', () => {
  for (const length of [0, 31, 33, 64]) {
    assert.throws(() => peerIdFromPublicKey(new Uint8Array(length)), bad);
    assert.throws(() => systemIdOf(new Uint8Array(length)), bad);
  }
  for (const value of [undefined, null, 7, {}, ['12D3KooW']]) {
    assert.equal(isPeerId(value), false);
    assert.equal(isVersion(value), false);
    assert.equal(isTimestamp(value), false);
  }
});

test('times keep their milliseconds, and text order is time order', () => {
  fc.assert(
    fc.property(instant, instant, (a, b) => {
      assert.equal(parseTimestamp(formatTimestamp(a)), a);
      assert.equal(formatTimestamp(a) < formatTimestamp(b), a < b);
    }),
  );
  assert.equal(formatTimestamp(5.9), formatTimestamp(5));
  for (const ms of [-1, 253_402_300_800_000, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => formatTimestamp(ms), bad);
  }
});

test('durations come back', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)));
  for (const ms of [-1, 1.5, Number.NaN, 2 ** 53]) assert.throws(() => formatDuration(ms), bad);
});

test('versions come back and order by time, counter, author', () => {
  const version = fc.record(
    {
      ms: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
      counter: fc.integer({ min: 0, max: 65_535 }),
      author: key.map(peerIdFromPublicKey),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(version, version, (a, b) => {
      assert.deepEqual(parseVersion(formatVersion(a)), a);
      const expected =
        a.ms - b.ms || a.counter - b.counter || (a.author < b.author ? -1 : a.author > b.author ? 1 : 0);
      assert.equal(Math.sign(compareVersions(formatVersion(a), formatVersion(b))), Math.sign(expected));
    }),
  );
  const author = peerIdFromPublicKey(new Uint8Array(32));
  for (const [ms, counter] of [
    [-1, 0],
    [2 ** 48, 0],
    [0, 65_536],
    [0, -1],
    [0.5, 0],
    [Number.NaN, 0],
  ] as const) {
    assert.throws(() => formatVersion({ ms, counter, author }), bad);
  }
});

test('hex and base64url have one text for each byte string', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.deepEqual(fromHex(toHex(bytes)), bytes);
      assert.deepEqual(fromBase64url(toBase64url(bytes)), bytes);
      assert.equal(toBase64url(bytes), Buffer.from(bytes).toString('base64url'));
    }),
  );
  for (const text of ['a', 'AB', 'zz', '0x', ' 00', '00\n']) assert.throws(() => fromHex(text), bad, text);
  for (const text of ['A', 'AB', 'AA==', 'A+', 'A/', 'AA ', 'AA\n', 'é']) {
    assert.throws(() => fromBase64url(text), bad, text);
  }
});

test('schema pieces take their bounds and nothing beyond', () => {
  const takes = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
    schema.safeParse(value).success;
  const two = bytesSchema({ min: 2, max: 3 });
  assert.deepEqual(
    [1, 2, 3, 4].map((size) => takes(two, new Uint8Array(size))),
    [false, true, true, false],
  );
  assert.ok(!takes(two, [1, 2]) && !takes(two, 'ab'));
  assert.deepEqual(
    ['', 'a', 'ab', 'abc'].map((text) => takes(textSchema(2, { min: 1 }), text)),
    [false, true, true, false],
  );
  assert.ok(!takes(textSchema(5), '\ud800') && !takes(textSchema(5), 5) && takes(textSchema(5), '\u{1f600}'));
  assert.deepEqual(
    [0, 1, 2, 3, 1.5, '1', 1n].map((value) => takes(integerSchema(1, 2), value)),
    [false, true, true, false, false, false, false],
  );
  assert.ok(!takes(integerSchema(0), 2 ** 53) && takes(integerSchema(0), 2 ** 53 - 1));
  assert.ok(takes(hexHashSchema, '0f'.repeat(32)) && !takes(hexHashSchema, '0F'.repeat(32)));
  assert.ok(takes(addressSchema, '/ip4/127.0.0.1/tcp/1') && !takes(addressSchema, `/${'x'.repeat(256)}`));
  assert.ok(!takes(versionSchema, 'ff'));
});
