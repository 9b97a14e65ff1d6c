import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as cborg from 'cborg';
import fc from 'fast-check';
import { isP2posError } from '../errors/errors.ts';
import { compareBytes, concatBytes } from './bytes.ts';
import { decodeCanonical, decodeCbor, encodeCbor, MAX_CBOR_DEPTH } from './cbor.ts';
import { fromHex, toHex } from './hex.ts';

const safe = Number.MAX_SAFE_INTEGER;
const wide = fc
  .bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n })
  .filter((value) => value > BigInt(safe) || value < BigInt(-safe));
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.string({ maxLength: 90 }),
);

/** Any value that travels, as it comes back: no −0, no bigint that fits a number. */
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.maxSafeInteger(),
    wide,
    fc.double().map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.float().map((number) => (Object.is(number, -0) ? 0 : number)),
    text,
    fc.uint8Array({ maxLength: 80 }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(text, tie('value'), { maxKeys: 6 }),
  ),
}));

const code = (name: Parameters<typeof isP2posError>[1]) => (error: unknown) => isP2posError(error, name);

test('what is encoded comes back, by both decoders', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bytes = encodeCbor(value);
      assert.deepEqual(plain(decodeCbor(bytes)), plain(value));
      assert.deepEqual(plain(decodeCanonical(bytes)), plain(value));
    }),
    { numRuns: 500 },
  );
});

test('the encoding is that of cborg with its RFC 8949 options', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      assert.equal(toHex(encodeCbor(value)), toHex(cborg.encode(value, cborg.rfc8949EncodeOptions)));
    }),
    { numRuns: 500 },
  );
});

test('the order in which fields were set changes nothing', () => {
  fc.assert(
    fc.property(
      fc.dictionary(text, fc.integer(), { maxKeys: 40 }),
      fc.infiniteStream(fc.nat()),
      (map, ranks) => {
        const shuffled = Object.entries(map)
          .map((entry) => ({ entry, rank: ranks.next().value }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ entry }) => entry);
        assert.deepEqual(encodeCbor(Object.fromEntries(shuffled)), encodeCbor(map));
      },
    ),
  );
});

test('keys ascend in the bytes of their encodings', () => {
  const keys = ['b', 'a', 'aa', '', 'é', '\u{1f600}', '\uffee', 'zz', 'k'.repeat(24), 'a'.repeat(300)];
  const bytes = encodeCbor(Object.fromEntries(keys.map((key) => [key, null])));
  const seen = Object.keys(decodeCanonical(bytes) as object).map((key) => encodeCbor(key));
  assert.equal(seen.length, keys.length);
  for (const [index, key] of seen.entries())
    if (index > 0) assert.ok(compareBytes(seen[index - 1]!, key) < 0);
});

test('accepted canonical bytes are the only ones for their value', () => {
  const mutation = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(anyValue, fc.array(mutation, { minLength: 1, maxLength: 3 }), (value, mutations) => {
      const bytes = encodeCbor(value).slice();
      for (const [place, flip] of mutations) bytes[place % bytes.length]! ^= flip;
      const read = refusable(() => decodeCanonical(bytes), 'DOCUMENT_MALFORMED');
      if (read.done) assert.deepEqual(encodeCbor(read.value), bytes);
      refusable(() => decodeCbor(bytes), 'CBOR_MALFORMED');
    }),
    { numRuns: 1_000 },
  );
});

test('random bytes give a value or a typed refusal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      refusable(() => decodeCbor(bytes), 'CBOR_MALFORMED');
      refusable(() => decodeCanonical(bytes), 'DOCUMENT_MALFORMED');
    }),
    { numRuns: 2_000 },
  );
});

test('hostile bytes are refused before they cost time or memory', () => {
  const large = new Uint8Array(1_000_000);
  for (const [name, bytes] of [
    ['an array of 2^32 − 1 elements', fromHex('9affffffff')],
    ['an array of 2^64 − 1 elements', fromHex('9bffffffffffffffff')],
    ['a map of 2^53 pairs', fromHex('bb0020000000000000')],
    ['a byte string of 4 GiB', fromHex('5affffffff00')],
    ['text of 2^63 bytes', fromHex('7b8000000000000000')],
    ['a million nested arrays', new Uint8Array(large).fill(0x81)],
    ['a million empty maps', concatBytes(fromHex('9a000f4240'), new Uint8Array(large).fill(0xa0))],
  ] as const) {
    assert.throws(() => decodeCbor(bytes), code('CBOR_MALFORMED'), name);
    assert.throws(() => decodeCanonical(bytes), code('DOCUMENT_MALFORMED'), name);
  }
});

test('sizes are checked before anything is read', () => {
  const bytes = encodeCbor(new Uint8Array(100));
  assert.throws(() => decodeCbor(bytes, { maxBytes: 101 }), code('BODY_TOO_LARGE'));
  assert.throws(() => decodeCanonical(bytes, { maxBytes: 101 }), code('DOCUMENT_MALFORMED'));
  assert.deepEqual(decodeCbor(bytes, { maxBytes: 102 }), new Uint8Array(100));
});

test('nesting has one bound both ways', () => {
  const nest = (depth: number): unknown => (depth === 0 ? 0 : [nest(depth - 1)]);
  assert.deepEqual(decodeCbor(encodeCbor(nest(MAX_CBOR_DEPTH))), nest(MAX_CBOR_DEPTH));
  assert.throws(() => encodeCbor(nest(MAX_CBOR_DEPTH + 1)), code('CBOR_UNENCODABLE'));
  const deeper = Uint8Array.of(0x81, ...encodeCbor(nest(MAX_CBOR_DEPTH)));
  assert.throws(() => decodeCbor(deeper), code('CBOR_MALFORMED'));
  const loop: unknown[] = [];
  loop.push(loop);
  assert.throws(() => encodeCbor(loop), code('CBOR_UNENCODABLE'));
});

test('what has no encoding is refused, and the next value is encoded as ever', () => {
  const refused: unknown[] = [
    undefined,
    [undefined],
    () => 0,
    Symbol('s'),
    new Date(0),
    new Map(),
    /x/,
    2n ** 64n,
  ];
  refused.push('\ud800', { '\ud800': 1 }, `${'a'.repeat(60)}\udc00`, new Uint16Array(2), -(2n ** 64n) - 1n);
  for (const value of refused) {
    assert.throws(() => encodeCbor(['before', value]), code('CBOR_UNENCODABLE'), String(value));
    assert.equal(toHex(encodeCbor(['a'])), '816161');
  }
  const calling = {
    get field() {
      return encodeCbor(1);
    },
  };
  assert.throws(() => encodeCbor(calling), TypeError);
  assert.equal(toHex(encodeCbor(['a'])), '816161');
});

test('undefined fields are left out', () => {
  assert.equal(toHex(encodeCbor({ a: undefined, b: 1, c: undefined })), toHex(encodeCbor({ b: 1 })));
  assert.equal(toHex(encodeCbor({ a: undefined })), 'a0');
});

test('names that objects inherit are keys like others', () => {
  const bytes = encodeCbor(JSON.parse('{"__proto__": {"x": 1}, "toString": 2, "constructor": 3}'));
  const value = decodeCanonical(bytes) as Record<string, unknown>;
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.deepEqual(Object.keys(value).sort(), ['__proto__', 'constructor', 'toString']);
  assert.equal(value['x'], undefined);
  for (const key of ['__proto__', 'toString', 'a']) {
    const pair = [...encodeCbor(key), 0x00];
    assert.throws(() => decodeCbor(Uint8Array.of(0xa2, ...pair, ...pair)), /twice/);
  }
});

test('a Buffer is bytes like others, and what comes out of one is a copy', () => {
  const source = Buffer.from(encodeCbor([new Uint8Array([1, 2, 3]), new Uint8Array(3_000)]));
  const [short, long] = decodeCbor(source) as [Uint8Array, Uint8Array];
  source.fill(0xff);
  assert.deepEqual(short, new Uint8Array([1, 2, 3]));
  assert.deepEqual(long, new Uint8Array(3_000));
  assert.equal(short.constructor, Uint8Array);
  assert.equal(toHex(encodeCbor(Buffer.from([7]))), '4107');
});

test('results do not overlap, whatever their sizes', () => {
  const sizes = [1, 60, 70, 300, 4_000, 4_100, 8_000, 9_000, 70_000];
  const values = Array.from({ length: 90 }, (_, index) =>
    new Uint8Array(sizes[index % sizes.length]!).fill(index),
  );
  const encoded = values.map((value) => encodeCbor({ value, version: 'v'.repeat(69) }));
  const decoded = encoded.map((bytes) => decodeCbor(bytes) as { value: Uint8Array });
  for (const [index, value] of values.entries()) assert.deepEqual(decoded[index]?.value, value);
});

test('input that is given away lends its memory only to a byte string that is most of it', () => {
  const encoded = encodeCbor({
    long: new Uint8Array(100_000).fill(7),
    short: new Uint8Array(20_000).fill(8),
  });
  const kept = decodeCbor(encoded) as { long: Uint8Array };
  const lent = decodeCbor(encoded, { shares: true }) as { long: Uint8Array; short: Uint8Array };
  encoded.fill(0);
  assert.equal(kept.long[0], 7);
  assert.equal(lent.long[0], 0);
  assert.equal(lent.long.constructor, Uint8Array);
  assert.equal(lent.short[0], 8);
});

/** deepEqual looks at prototypes; decoded maps are plain objects while fast-check also makes ones without any. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.entries(value)
    .map(([key, field]) => [key, plain(field)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

function refusable<T>(read: () => T, expected: 'CBOR_MALFORMED' | 'DOCUMENT_MALFORMED') {
  try {
    return { done: true as const, value: read() };
  } catch (error) {
    assert.ok(isP2posError(error, expected), String(error));
    return { done: false as const };
  }
}
