import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError, type RequestContext, toBase64url } from '@p2pos/protocol';
import fc from 'fast-check';
import { createTestbed, type TestbedConfig } from '../../core/records/testing/testbed.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { createKv, createKvHandlers, type Kv } from './index.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);
const isError = (code: Parameters<typeof isP2posError>[1]) => (error: unknown) => isP2posError(error, code);

async function setUp(config: Partial<TestbedConfig> = {}, maxValueBytes = 65_536) {
  const bed = await createTestbed({ nodes: 3, declare: false, ...config });
  const kvs = bed.nodes().map(({ records }) => createKv({ records }, { maxValueBytes }));
  return {
    bed,
    kv: (index: number) => kvs[index] as Kv,
    [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose](),
  };
}

const app = 'default';

test('put, get, delete through different nodes', async () => {
  await using system = await setUp();
  const { bed, kv } = system;
  const written = await bed.run(kv(0).put({ app, key: 'a/b c', value: bytes('v') }));
  assert.equal(text((await bed.run(kv(1).get({ app, key: 'a/b c' }))).found?.value), 'v');
  assert.deepEqual(
    kv(2).locate({ app, key: 'a/b c' }).replicas.toSorted(),
    bed
      .nodes()
      .map(({ peerId }) => peerId)
      .sort(),
  );
  assert.ok(written.durable >= 2);
  assert.equal((await bed.run(kv(2).delete({ app, key: 'a/b c' }))).existed, true);
  assert.equal((await bed.run(kv(0).delete({ app, key: 'a/b c' }))).existed, false);
  assert.equal((await bed.run(kv(1).get({ app, key: 'a/b c' }))).found, undefined);
});

test('a repeat of a plain write has no second effect at its node; elsewhere it is a write of its own', async () => {
  await using system = await setUp();
  const { bed, kv } = system;
  const mine = { app, key: 'k', value: bytes('mine'), idempotencyKey: 'one' };
  const newest = async () => text((await bed.run(kv(2).get({ app, key: 'k' }))).found?.value);
  const first = await bed.run(kv(0).put(mine));
  await bed.run(kv(1).put({ app, key: 'k', value: bytes('theirs') }));
  assert.equal((await bed.run(kv(0).put(mine))).version, first.version);
  assert.equal(await newest(), 'theirs');
  const elsewhere = await bed.run(kv(1).put(mine));
  assert.ok(elsewhere.version > first.version);
  assert.equal(await newest(), 'mine');
});

test('T14: apps do not see each other, whatever keys they choose', async () => {
  await using system = await setUp();
  const { bed, kv } = system;
  await bed.run(kv(0).put({ app: 'one', key: 'k', value: bytes('1') }));
  await bed.run(kv(0).put({ app: 'two', key: 'k', value: bytes('2') }));
  assert.equal(text((await bed.run(kv(1).get({ app: 'one', key: 'k' }))).found?.value), '1');
  assert.equal(text((await bed.run(kv(1).get({ app: 'two', key: 'k' }))).found?.value), '2');
  assert.deepEqual((await bed.run(kv(1).list({ app: 'one' }))).keys, ['k']);
  for (const key of ['one/kv/k', '../two/k', 'two/kv']) {
    assert.equal((await bed.run(kv(2).get({ app: 'one', key }))).found, undefined);
  }
  await assert.rejects(
    kv(0).put({ app: 'one/kv/x', key: 'k', value: bytes('') }),
    isError('NAMESPACE_UNKNOWN'),
  );
});

test('keys have 1 to 512 bytes of UTF-8, all else is refused', async () => {
  await using system = await setUp();
  const { bed, kv } = system;
  for (const key of ['', 'x'.repeat(513), 'é'.repeat(257), '\ud800']) {
    await assert.rejects(
      kv(0).put({ app, key, value: bytes('v') }),
      isError('KV_KEY_INVALID'),
      JSON.stringify(key),
    );
    await assert.rejects(kv(0).get({ app, key }), isError('KV_KEY_INVALID'));
    await assert.rejects(kv(0).delete({ app, key }), isError('KV_KEY_INVALID'));
  }
  await assert.rejects(kv(0).list({ app, prefix: 'x'.repeat(513) }), isError('KV_KEY_INVALID'));
  for (const key of ['x'.repeat(512), 'é'.repeat(256), ' ', '\u0000', '\ufeffbom', '%2F', '\u{1f600}']) {
    await bed.run(kv(0).put({ app, key, value: bytes(key) }));
    assert.equal(
      text((await bed.run(kv(1).get({ app, key }))).found?.value.slice()),
      key.replace(/^\ufeff/, ''),
    );
  }
  const { keys } = await bed.run(kv(2).list({ app }));
  assert.ok(keys.includes('\ufeffbom') && keys.includes('\u0000'));
});

test('values up to the limit, the way out named beyond it', async () => {
  await using system = await setUp({}, 100);
  const { bed, kv } = system;
  await bed.run(kv(0).put({ app, key: 'k', value: new Uint8Array(100) }));
  await bed.run(kv(0).put({ app, key: 'empty', value: new Uint8Array(0) }));
  assert.equal((await bed.run(kv(1).get({ app, key: 'empty' }))).found?.value.length, 0);
  await assert.rejects(kv(0).put({ app, key: 'k', value: new Uint8Array(101) }), (error) => {
    return (
      isP2posError(error, 'KV_VALUE_TOO_LARGE') &&
      /object store/.test(error.message) &&
      /100/.test(error.message)
    );
  });
});

test('a node that allows less than the writer refuses with the same code', async () => {
  await using bed = await createTestbed({ nodes: 3, declare: false });
  const kvs = bed
    .nodes()
    .map(({ records }, i) => createKv({ records }, { maxValueBytes: i === 0 ? 65_536 : 100 }));
  const large = (kvs[0] as Kv).put({ app, key: 'k', value: new Uint8Array(200) });
  await assert.rejects(bed.run(large), isError('KV_VALUE_TOO_LARGE'));
});

test('R4: a time to live from 1 ms to ten years', async () => {
  await using system = await setUp();
  const { bed, kv } = system;
  for (const ttlMs of [0, -1, 1.5, Number.NaN, 3_650 * 86_400_000 + 1]) {
    await assert.rejects(kv(0).put({ app, key: 'k', value: bytes('v'), ttlMs }), isError('BAD_REQUEST'));
  }
  await bed.run(kv(0).put({ app, key: 'k', value: bytes('v'), ttlMs: 10_000 }));
  const { found } = await bed.run(kv(1).get({ app, key: 'k' }));
  const left = (found?.expiresAt as number) - bed.clock.now();
  assert.ok(left > 9_000 && left <= 10_000);
  await bed.clock.advance(10_000);
  assert.equal((await bed.run(kv(1).get({ app, key: 'k' }))).found, undefined);
  assert.deepEqual((await bed.run(kv(1).list({ app }))).keys, []);
});

test('T13: pages follow their cursor, a prefix is literal', async () => {
  await using system = await setUp();
  const { bed, kv } = system;
  const keys = ['p%1', 'p%2', 'p_1', 'pa1', 'pé', 'p\u{1f600}', 'q'];
  await bed.run(Promise.all(keys.map((key, i) => kv(i % 3).put({ app, key, value: bytes(key) }))));
  const sorted = keys.toSorted((a, b) => Buffer.compare(bytes(a), bytes(b)));
  const got: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await bed.run(kv(0).list({ app, prefix: 'p', limit: 2, cursor }));
    got.push(...page.keys);
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  assert.deepEqual(got, sorted.slice(0, -1));
  assert.deepEqual((await bed.run(kv(1).list({ app, prefix: 'p%' }))).keys, ['p%1', 'p%2']);
  assert.deepEqual((await bed.run(kv(1).list({ app, prefix: 'p_' }))).keys, ['p_1']);
  assert.equal((await bed.run(kv(1).list({ app, limit: 7 }))).cursor, null);
  for (const limit of [0, 1_001, 1.5])
    await assert.rejects(kv(0).list({ app, limit }), isError('BAD_REQUEST'));
});

test('a cursor survives its text; any other text is refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 512 }), fc.nat(512), (key, cut) => {
      assert.deepEqual(decodeCursor(encodeCursor(key), key.slice(0, cut)), key);
      assert.match(encodeCursor(key), /^[\w-]+$/);
    }),
  );
  const wrong = [
    '',
    'AQ',
    toBase64url(bytes('x')),
    toBase64url(new Uint8Array(514).fill(1)),
    'AQ==',
    '%%%',
    'A',
  ];
  for (const cursor of wrong)
    assert.throws(() => decodeCursor(cursor, bytes('')), isError('KV_CURSOR_INVALID'), cursor);
  assert.throws(() => decodeCursor(encodeCursor(bytes('abc')), bytes('abd')), isError('KV_CURSOR_INVALID'));
});

test('the methods answer what the contract promises', async () => {
  await using system = await setUp();
  const { bed, kv } = system;
  const handlers = createKvHandlers(kv(0));
  const context: RequestContext = { app, grants: [], requestId: 'r', signal: new AbortController().signal };
  const call = <T>(work: Promise<T>) => bed.run(work);

  const put = await call(handlers.put({ key: 'k', body: bytes('v'), ttlMs: 60_000 }, context));
  assert.deepEqual(Object.keys(put).sort(), ['durable', 'key', 'replicas', 'version']);
  assert.equal(put.replicas.length, put.durable);
  const explained = await call(handlers.put({ key: 'k', body: bytes('w'), explain: true }, context));
  assert.equal(explained.explain?.asked.length, 3);

  const got = await call(handlers.get({ key: 'k' }, context));
  assert.deepEqual(got, { body: bytes('w'), version: explained.version });
  const one = await call(handlers.get({ key: 'k', consistency: 'one', explain: true }, context));
  assert.equal(one.explain?.asked.length, 1);
  assert.deepEqual(await call(handlers.head({ key: 'k' }, context)), { size: 1, version: explained.version });

  const page = await call(handlers.list({}, context));
  assert.deepEqual(page, { keys: ['k'], cursor: null });
  assert.deepEqual(await call(handlers.list({ partial: true }, context)), {
    keys: ['k'],
    cursor: null,
    missingSlots: [],
  });

  const gone = await call(handlers.delete({ key: 'k' }, context));
  assert.equal(gone.existed, true);
  assert.equal((await call(handlers.delete({ key: 'k' }, context))).existed, false);
  await assert.rejects(call(handlers.get({ key: 'k' }, context)), isError('KV_KEY_NOT_FOUND'));
  await assert.rejects(call(handlers.head({ key: 'k' }, context)), isError('KV_KEY_NOT_FOUND'));
});

test('a repeat with its idempotency key answers the first receipt', async () => {
  await using system = await setUp();
  const { bed, kv } = system;
  const put = (value: string) =>
    bed.run(kv(0).put({ app, key: 'k', value: bytes(value), idempotencyKey: 'once' }));
  const first = await put('v');
  assert.equal((await put('v')).version, first.version);
  await assert.rejects(put('w'), isError('IDEMPOTENCY_KEY_REUSED'));
  const remove = () => bed.run(kv(0).delete({ app, key: 'k', idempotencyKey: 'gone' }));
  assert.equal((await remove()).existed, true);
  assert.equal((await remove()).existed, true); // as it was the first time
});

test('two of three nodes gone: no answer but the error, and the list with partial names its holes', async () => {
  await using system = await setUp({ records: { writeTimeoutMs: 500, readTimeoutMs: 500 } });
  const { bed, kv } = system;
  await bed.run(kv(0).put({ app, key: 'k', value: bytes('v') }));
  await bed.crash(1);
  await bed.crash(2);
  const lost = isError('RECORDS_QUORUM_LOST');
  await assert.rejects(bed.run(kv(0).put({ app, key: 'k', value: bytes('w') })), lost);
  await assert.rejects(bed.run(kv(0).get({ app, key: 'k' })), lost);
  await assert.rejects(bed.run(kv(0).list({ app })), lost);
  const page = await bed.run(kv(0).list({ app, partial: true }));
  assert.deepEqual(page.keys, []);
  assert.equal(page.missingSlots.length, 64);
  assert.equal(text((await bed.run(kv(0).get({ app, key: 'k', consistency: 'one' }))).found?.value), 'w');
});
