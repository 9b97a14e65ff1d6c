import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError, P2posError, type RequestContext } from '@p2pos/protocol';
import { createTestbed } from '../../core/records/testing/testbed.ts';
import { createKv, createKvHandlers } from './index.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const isError = (code: Parameters<typeof isP2posError>[1]) => (error: unknown) => isP2posError(error, code);
const context = { app: 'default', signal: new AbortController().signal } as RequestContext;

async function setUp() {
  const bed = await createTestbed({ nodes: 3, declare: false });
  const kvs = bed.nodes().map(({ records }) => createKv({ records }, { maxValueBytes: 65_536 }));
  const doors = kvs.map(createKvHandlers);
  return {
    bed,
    door: (index: number) => doors[index] as (typeof doors)[0],
    [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose](),
  };
}

test('if-match and if-none-match hold or answer CAS_CONDITION_FAILED, through any node', async () => {
  await using system = await setUp();
  const { bed, door } = system;
  const put = (index: number, value: string, more: object) =>
    bed.run(door(index).put({ key: 'k', body: bytes(value), cas: true, ...more }, context));
  const first = await put(0, 'one', { ifNoneMatch: '*' });
  assert.equal(first.previous, null);
  assert.ok(first.durable >= 2);
  await assert.rejects(put(1, 'two', { ifNoneMatch: '*' }), (error) => {
    assert.ok(isP2posError(error, 'CAS_CONDITION_FAILED'));
    assert.equal(error.status, 412);
    return error.details['version'] === first.version;
  });
  const second = await put(1, 'two', { ifMatch: first.version });
  assert.equal(second.previous, first.version);
  await assert.rejects(put(2, 'three', { ifMatch: first.version }), isError('CAS_CONDITION_FAILED'));
  const got = await bed.run(door(2).get({ key: 'k', cas: true }, context));
  assert.deepEqual([got.body, got.version], [bytes('two'), second.version]);
  const head = await bed.run(door(0).head({ key: 'k', cas: true }, context));
  assert.deepEqual(head, { size: 3, version: second.version });
  assert.deepEqual((await bed.run(door(1).list({ cas: true }, context))).keys, ['k']);
  const remove = (more: object) => bed.run(door(1).delete({ key: 'k', cas: true, ...more }, context));
  await assert.rejects(remove({ ifMatch: first.version }), isError('CAS_CONDITION_FAILED'));
  assert.equal((await remove({ ifMatch: second.version })).existed, true);
  assert.equal((await remove({})).existed, false);
  await assert.rejects(bed.run(door(0).get({ key: 'k', cas: true }, context)), isError('KV_KEY_NOT_FOUND'));
});

test('plain and agreed keys of one name are two things', async () => {
  await using system = await setUp();
  const { bed, door } = system;
  await bed.run(door(0).put({ key: 'k', body: bytes('plain') }, context));
  await bed.run(door(0).put({ key: 'k', body: bytes('agreed'), cas: true, ifNoneMatch: '*' }, context));
  assert.deepEqual((await bed.run(door(1).get({ key: 'k' }, context))).body, bytes('plain'));
  assert.deepEqual((await bed.run(door(1).get({ key: 'k', cas: true }, context))).body, bytes('agreed'));
  assert.deepEqual((await bed.run(door(2).list({ prefix: '' }, context))).keys, ['k']);
});

test('what does not go together is refused, never ignored', async () => {
  await using system = await setUp();
  const { door } = system;
  const refused = isError('BAD_REQUEST');
  const put = (more: object) => door(0).put({ key: 'k', body: bytes('v'), ...more }, context);
  await assert.rejects(put({ ifNoneMatch: '*' }), refused);
  await assert.rejects(put({ ifMatch: 'v' }), refused);
  await assert.rejects(put({ cas: true, ifMatch: 'v', ifNoneMatch: '*' }), refused);
  await assert.rejects(put({ cas: true, explain: true }), refused);
  await assert.rejects(door(0).get({ key: 'k', cas: true, consistency: 'one' }, context), refused);
});

test('a lock has one holder, whose token grows from holder to holder', async () => {
  await using system = await setUp();
  const { bed, door } = system;
  const lock = (index: number, holder: string) =>
    bed.run(door(index).lock({ key: 'l', holder, ttlMs: 5_000 }, context));
  const { token } = await lock(0, 'a');
  assert.ok(token);
  assert.deepEqual(await lock(1, 'a'), { held: true, token }); // a repeat
  assert.deepEqual(await lock(1, 'b'), { held: false, token: null });
  const renew = () => bed.run(door(2).renewLock({ key: 'l', holder: 'a', token, ttlMs: 5_000 }, context));
  await bed.clock.advance(4_000);
  assert.deepEqual(await renew(), { held: true });
  await bed.clock.advance(5_000 + 2_001);
  const next = await lock(1, 'b');
  assert.ok(next.token && next.token > token);
  assert.deepEqual(await renew(), { held: false });
  const unlock = (holder: string, held: number) =>
    bed.run(door(2).unlock({ key: 'l', holder, token: held }, context));
  assert.deepEqual(await unlock('a', token), { released: false });
  assert.deepEqual(await unlock('b', next.token), { released: true });
  assert.deepEqual(await unlock('b', next.token), { released: true }); // a repeat
  assert.ok((await lock(0, 'c')).held);
  assert.deepEqual(await unlock('b', next.token), { released: false });
});

test('over its storage an app takes no new names, and goes on with those that it has', async () => {
  await using system = await setUp();
  const { bed, door } = system;
  const full = {
    ...context,
    mayStore: () => Promise.reject(new P2posError('QUOTA_STORAGE', { app: 'default', used: 2, limit: 1 })),
  };
  const lock = (key: string, holder: string, by = full) =>
    bed.run(door(0).lock({ key, holder, ttlMs: 60_000 }, by));
  await lock('old', 'me', context as typeof full);
  await assert.rejects(lock('new', 'me'), isError('QUOTA_STORAGE'));
  const { token } = await lock('old', 'me');
  assert.deepEqual(await lock('old', 'another'), { held: false, token: null });
  const mine = { key: 'old', holder: 'me', token: token as number };
  assert.equal((await bed.run(door(1).renewLock({ ...mine, ttlMs: 60_000 }, full))).held, true);
  assert.equal((await bed.run(door(2).unlock(mine, full))).released, true);
  assert.equal((await lock('old', 'another')).held, true);

  await bed.run(door(0).put({ key: 'plain', body: bytes('v') }, context));
  await bed.run(door(0).put({ key: 'agreed', body: bytes('v'), cas: true }, context));
  const remove = (key: string, more: object = {}) => bed.run(door(1).delete({ key, ...more }, full));
  assert.equal((await remove('plain')).existed, true);
  // Its answer may have been lost.
  await remove('plain');
  await assert.rejects(remove('nothing'), isError('QUOTA_STORAGE'));
  const once = { cas: true, idempotencyKey: 'once' };
  assert.equal((await remove('agreed', once)).existed, true);
  await remove('agreed', once);
  assert.equal((await remove('nothing', once)).existed, false);
  await bed.clock.advance(1_000);
  for (const { store } of bed.nodes()) {
    const rows = await store.read<{ key: Uint8Array }>('SELECT DISTINCT key FROM records ORDER BY key');
    const keys = rows.map(({ key }) => new TextDecoder().decode(key));
    assert.deepEqual(keys, ['agreed', 'old', 'plain']);
  }
});
