import assert from 'node:assert/strict';
import { existsSync, renameSync } from 'node:fs';
import { mkdir, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createTempFolder } from '../../testing/temp-folder.ts';
import { silentLogger } from '../log/index.ts';
import { createSystemRandom } from '../random/index.ts';
import { openStore, type StoreConfig } from './index.ts';

const TABLE = ['CREATE TABLE t (k TEXT PRIMARY KEY, v BLOB NOT NULL)'];
const put = (k: string, v: string | Uint8Array | null = k) => ({
  sql: 'INSERT INTO t VALUES (?, ?)',
  params: [k, v],
});
const open = (config: StoreConfig) => openStore({ random: createSystemRandom(), log: silentLogger }, config);
const code = (expected: Parameters<typeof isP2posError>[1]) => (error: unknown) =>
  isP2posError(error, expected);

test('what was written is there after the store is opened again, under the same id and position', async () => {
  await using folder = await createTempFolder();
  const first = await open({ folder: folder.path });
  await first.migrate('t', TABLE);
  const bytes = new Uint8Array([9, 9, 1, 2, 3, 9]).subarray(2, 5);
  assert.deepEqual(await first.write([put('a', bytes)]), [{ changes: 1 }]);
  const position = first.position();
  assert.equal(position.commits, 2);
  await first[Symbol.asyncDispose]();

  await using second = await open({ folder: folder.path });
  assert.deepEqual(second.position(), position);
  assert.deepEqual(await second.read('SELECT * FROM t'), [{ k: 'a', v: new Uint8Array([1, 2, 3]) }]);
});

test('two stores have two ids', async () => {
  await using one = await createTempFolder();
  await using two = await createTempFolder();
  await using first = await open({ folder: one.path });
  await using second = await open({ folder: two.path });
  assert.notEqual(first.storeId, second.storeId);
});

test('writes of one turn share a commit; one that fails does not fail its neighbours', async () => {
  await using folder = await createTempFolder();
  await using store = await open({ folder: folder.path });
  await store.migrate('t', TABLE);
  const before = store.position().commits;
  const outcomes = await Promise.allSettled([
    store.write([put('a')]),
    store.write([put('b'), put('c', null)]),
    store.write([{ sql: 'INSERT INTO nothing VALUES (1)' }]),
    store.write([{ sql: 'COMMIT' }]),
    store.write([put('d'), put('e')]),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled'],
  );
  for (const outcome of outcomes)
    if (outcome.status === 'rejected') assert.ok(isP2posError(outcome.reason, 'STORE_FAILED'));
  assert.deepEqual(await store.read('SELECT k FROM t ORDER BY k'), [{ k: 'a' }, { k: 'd' }, { k: 'e' }]);
  assert.equal(store.position().commits, before + 1);
});

test('a store that writes nothing counts no commit', async () => {
  await using folder = await createTempFolder();
  await using store = await open({ folder: folder.path });
  await assert.rejects(store.write([{ sql: 'INSERT INTO nothing VALUES (1)' }]), code('STORE_FAILED'));
  assert.equal(store.position().commits, 0);
});

test('disposal waits for what was accepted and refuses what comes later', async () => {
  await using folder = await createTempFolder();
  const first = await open({ folder: folder.path });
  await first.migrate('t', TABLE);
  const accepted = Array.from({ length: 200 }, (_, i) => first.write([put(`k${i}`)]));
  await first[Symbol.asyncDispose]();
  await Promise.all(accepted);
  await assert.rejects(first.write([put('late')]), code('STORE_FAILED'));
  await assert.rejects(first.read('SELECT 1'), code('STORE_FAILED'));

  await using second = await open({ folder: folder.path });
  assert.deepEqual(await second.read('SELECT count(*) AS n FROM t'), [{ n: 200 }]);
});

test('integers beyond 2^53 are bigint, all others numbers', async () => {
  await using folder = await createTempFolder();
  await using store = await open({ folder: folder.path });
  const [row] = await store.read('SELECT 9007199254740993 AS big, -1 AS small, 0.5 AS real, NULL AS none');
  assert.deepEqual(row, { big: 9007199254740993n, small: -1, real: 0.5, none: null });
});

test('a read cannot write, and one that gives too much is refused', async () => {
  await using folder = await createTempFolder();
  await using store = await open({ folder: folder.path, maxReadBytes: 100_000 });
  await store.migrate('t', TABLE);
  await assert.rejects(store.read("INSERT INTO t VALUES ('a', 'a')"), code('STORE_FAILED'));
  const endless = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n';
  await assert.rejects(store.read(endless), /more than 100000 bytes/);
  assert.deepEqual(await store.read('SELECT 1 AS one'), [{ one: 1 }]);
});

test('a full disk refuses writes with STORE_FULL, also in a shared commit, and reads go on', async () => {
  await using folder = await createTempFolder();
  await using store = await open({ folder: folder.path, maxBytes: 200_000 });
  await store.migrate('t', TABLE);
  const outcomes = await Promise.allSettled([
    store.write([put('a')]),
    store.write([put('big', new Uint8Array(400_000))]),
    store.write([put('b')]),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.ok(isP2posError((outcomes[1] as PromiseRejectedResult).reason, 'STORE_FULL'));
  assert.deepEqual(await store.read('SELECT k FROM t ORDER BY k'), [{ k: 'a' }, { k: 'b' }]);
});

test('a queue over its bound is refused with OVERLOADED and empties again', async () => {
  await using folder = await createTempFolder();
  await using store = await open({ folder: folder.path, maxQueuedBytes: 10_000 });
  await store.migrate('t', TABLE);
  const value = new Uint8Array(4_000);
  const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((k) => store.write([put(k, value)])));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  );
  assert.ok(isP2posError((outcomes[2] as PromiseRejectedResult).reason, 'OVERLOADED'));
  await store.write([put('c', value)]);
});

test('a folder that cannot be made is HOME_UNWRITABLE and names the folder', async () => {
  await using folder = await createTempFolder();
  const file = join(folder.path, 'file');
  await writeFile(file, '');
  await assert.rejects(open({ folder: join(file, 'data') }), (error) => {
    assert.ok(isP2posError(error, 'HOME_UNWRITABLE'));
    assert.match(error.message, /file\/data/);
    return true;
  });
});

test('what one turn writes may be more writes than one call has arguments', async () => {
  await using folder = await createTempFolder();
  await using store = await open({ folder: folder.path });
  const writes = Array.from({ length: 600_000 }, () => store.write([{ sql: 'SELECT 1' }]));
  const outcomes = await Promise.allSettled(writes);
  assert.equal(
    outcomes.find(({ status }) => status === 'rejected'),
    undefined,
  );
});

test('disposal ends, and lets the folder go, though the disk takes no change any more', async () => {
  await using folder = await createTempFolder();
  const first = await open({ folder: folder.path });
  await first.migrate('t', TABLE);
  await first.write([put('a')]);
  // It cannot be removed, as nothing can on a disk that came to be read-only.
  const owner = join(folder.path, 'store.pid');
  await rm(owner);
  await mkdir(owner);
  await first[Symbol.asyncDispose]();
  await rmdir(owner);
  await using second = await open({ folder: folder.path });
  assert.deepEqual(await second.read('SELECT k FROM t'), [{ k: 'a' }]);
});

test('a store that cannot be read is closed again', async () => {
  await using folder = await createTempFolder();
  const [here, gone] = [join(folder.path, 'here'), join(folder.path, 'gone')];
  const opening = open({ folder: here });
  // What the thread has opened is moved away before this one hears of it.
  while (!existsSync(join(here, 'store.sqlite-shm')))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  renameSync(here, gone);
  await assert.rejects(opening, code('STORE_FAILED'));
  renameSync(gone, here);
  await using second = await open({ folder: here });
  assert.deepEqual(await second.read('SELECT 1 AS one'), [{ one: 1 }]);
});

test('a lock that is no lock is named, and not taken for a damaged database', async () => {
  await using folder = await createTempFolder();
  await writeFile(join(folder.path, 'store.lock'), 'no lock '.repeat(1_000));
  await assert.rejects(open({ folder: folder.path }), (error) => {
    assert.ok(isP2posError(error, 'HOME_UNWRITABLE'), String(error));
    assert.match(error.message, /store\.lock/);
    return true;
  });
});

test('a disk that is full at the start is STORE_FULL', async (t) => {
  if (!existsSync('/dev/full')) return t.skip('needs /dev/full');
  await using folder = await createTempFolder();
  await symlink('/dev/full', join(folder.path, 'store.pid'));
  await assert.rejects(open({ folder: folder.path }), code('STORE_FULL'));
});
