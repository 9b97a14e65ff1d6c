import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createSystemRandom } from '../core/random/index.ts';
import { createMemoryDisk, createMemoryStore } from './memory-store.ts';

const random = createSystemRandom();
const TABLE = ['CREATE TABLE t (k TEXT PRIMARY KEY, v BLOB NOT NULL)'];
const put = (k: string, v: string | null = k) => ({ sql: 'INSERT INTO t VALUES (?, ?)', params: [k, v] });

test('concurrent writes share one commit and one failure leaves its neighbours alone', async () => {
  await using store = createMemoryStore(random);
  await store.migrate('t', TABLE);
  const before = store.position().commits;
  const outcomes = await Promise.allSettled([
    store.write([put('a')]),
    store.write([put('b'), put('c', null)]),
    store.write([put('d'), put('e')]),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal(store.position().commits, before + 1);
  assert.deepEqual(await store.read('SELECT k FROM t ORDER BY k'), [{ k: 'a' }, { k: 'd' }, { k: 'e' }]);
});

test('a memory disk keeps what was committed, and only that, over a crash', async () => {
  using disk = createMemoryDisk(random);
  const first = disk.open();
  await first.migrate('t', TABLE);
  await first.write([put('a')]);
  const lost = first.write([put('b')]);
  const second = disk.open();
  await assert.rejects(lost, (error) => isP2posError(error, 'STORE_FAILED'));
  assert.deepEqual(await second.read('SELECT k FROM t'), [{ k: 'a' }]);
  assert.deepEqual(second.position(), first.position());
});

test('a read cannot write', async () => {
  await using store = createMemoryStore(random);
  await store.migrate('t', TABLE);
  await assert.rejects(store.read("INSERT INTO t VALUES ('a', 'a')"), (error) =>
    isP2posError(error, 'STORE_FAILED'),
  );
  await store.write([put('a')]);
});

test('a full memory disk answers STORE_FULL and still reads', async () => {
  await using store = createMemoryStore(random, { maxBytes: 200_000 });
  await store.migrate('t', TABLE);
  await store.write([put('a')]);
  await assert.rejects(store.write([put('b', 'x'.repeat(400_000))]), (error) =>
    isP2posError(error, 'STORE_FULL'),
  );
  assert.deepEqual(await store.read('SELECT k FROM t'), [{ k: 'a' }]);
  await store.write([put('c')]);
});
