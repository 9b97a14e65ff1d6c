import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { KvKey, KvPrefix, kvRoutes } from '../kv.ts';
import { SqlRowId } from '../sql-values.ts';
import { asciiJson } from './codecs.ts';
import { Blob64, duration, Etag, flag, Instant, integer, jsonText } from './values.ts';

const refuses = (schema: z.ZodType, ...values: unknown[]) => {
  for (const value of values) assert.equal(z.safeDecode(schema, value).success, false, String(value));
};

describe('values on the wire', () => {
  it('durations', () => {
    const ttl = duration(1, 3_600_000);
    assert.equal(z.decode(ttl, '60s'), 60_000);
    assert.equal(z.encode(ttl, 60_000), '1m');
    assert.equal(z.encode(ttl, 1_001), '1001ms');
    refuses(
      ttl,
      '',
      '60',
      '0s',
      '-1s',
      '1.5s',
      '1 s',
      '1S',
      '01s',
      '61m',
      '99999999d',
      '999999999999999999s',
      '9999999999999999d',
    );
  });

  it('every time to live that is allowed survives the wire, whole seconds or not', () => {
    const { schema } = kvRoutes.put.query.ttlMs;
    const maxMs = 3_650 * 86_400_000;
    const survives = (ms: number) => assert.equal(z.decode(schema, z.encode(schema, ms)), ms);
    for (const ms of [1, 99_999_999, 100_000_001, 30 * 86_400_000 + 1, maxMs - 1, maxMs]) survives(ms);
    fc.assert(fc.property(fc.integer({ min: 1, max: maxMs }), survives));
    refuses(schema, '0ms', `${maxMs + 1}ms`, '3651d', '9007199254740993ms', '9999999999999999d');
  });

  it('whole numbers', () => {
    const limit = integer(1, 1_000);
    assert.equal(z.decode(limit, '1000'), 1_000);
    assert.equal(z.encode(limit, 7), '7');
    refuses(limit, '', '0', '1001', '1e2', '1.0', ' 1', '0x1', '٣');
  });

  it('flags, etags, instants', () => {
    assert.deepEqual(
      [z.decode(flag(), '1'), z.decode(flag(), '0'), z.encode(flag(), true)],
      [true, false, '1'],
    );
    refuses(flag(), '', 'true', 'yes', '2');
    assert.equal(z.encode(Etag, '00-a'), '"00-a"');
    assert.equal(z.decode(Etag, '"00-a"'), '00-a');
    refuses(Etag, '00-a', 'W/"a"', '"a"b"', '"');
    assert.equal(z.encode(Instant, 0), '1970-01-01T00:00:00.000Z');
    assert.equal(z.decode(Instant, '1970-01-01T00:00:01.500Z'), 1_500);
    refuses(Instant, 'yesterday', '2026-13-01T00:00:00Z');
  });

  it('bytes and wide integers in JSON come back as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
        const wire = JSON.parse(JSON.stringify(z.encode(Blob64, bytes)));
        assert.deepEqual(z.decode(Blob64, wire), bytes);
        assert.equal(wire.$blob, Buffer.from(bytes).toString('base64'));
      }),
      { numRuns: 20 },
    );
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const wire = JSON.parse(JSON.stringify(z.encode(SqlRowId, value)));
        assert.equal(BigInt(z.decode(SqlRowId, wire)), value);
      }),
    );
    assert.equal(z.encode(SqlRowId, 2n ** 53n - 1n), 2 ** 53 - 1);
    assert.deepEqual(z.encode(SqlRowId, 2n ** 53n), { $int: '9007199254740992' });
    assert.equal(z.decode(SqlRowId, { $int: '5' }), 5);
    refuses(SqlRowId, 1.5, '1', { $int: '01' }, { $int: '1', more: 1 }, { $int: '9'.repeat(19) });
    refuses(Blob64, 'AQ==', { $blob: 'A' }, { $blob: '*' }, {});
  });

  it('JSON in headers holds only what a header carries', () => {
    const text = jsonText(z.object({ name: z.string() }));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const wire = z.encode(text, { name });
        assert.match(wire, /^[\x20-\x7e]*$/);
        assert.deepEqual(z.decode(text, wire), { name });
      }),
    );
    refuses(text, '', '{', '{"name":1}');
    assert.equal(asciiJson('"\u007fü😀"'), '"\\u007f\\u00fc\\ud83d\\ude00"');
  });

  it('keys: 1 to 512 bytes of well-formed text', () => {
    for (const key of ['a', '/', '\0', '%', 'ü'.repeat(256), '😀'.repeat(128)])
      assert.equal(KvKey.parse(key), key);
    refuses(KvKey, '', 'a'.repeat(513), 'ü'.repeat(257), '\ud800', 'a\udc00', 1, undefined);
    assert.equal(KvPrefix.parse(''), '');
    refuses(KvPrefix, 'a'.repeat(513), '\ud800');
  });
});
