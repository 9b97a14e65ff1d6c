import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createMemoryStore } from '../../testing/memory-store.ts';
import { createSystemRandom } from '../random/index.ts';
import type { Store } from './index.ts';

const FIRST = 'CREATE TABLE t (k TEXT PRIMARY KEY); CREATE INDEX t_k ON t (k)';
const SECOND = "ALTER TABLE t ADD COLUMN v TEXT NOT NULL DEFAULT 'old'";
const open = () => createMemoryStore(createSystemRandom());

async function tables(store: Store): Promise<unknown[]> {
  const rows = await store.read(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
  );
  return rows.map(({ name }) => name);
}

test('each migration runs once, in order, and keeps what there was', async () => {
  await using store = open();
  await store.migrate('t', [FIRST]);
  await store.write([{ sql: 'INSERT INTO t VALUES (?)', params: ['a'] }]);
  await store.migrate('t', [FIRST]);
  await store.migrate('t', [FIRST, SECOND]);
  await store.migrate('t', [FIRST, SECOND]);
  assert.deepEqual(await store.read('SELECT * FROM t'), [{ k: 'a', v: 'old' }]);
});

test('owners do not share their numbers', async () => {
  await using store = open();
  await store.migrate('one', ['CREATE TABLE one (a)']);
  await store.migrate('two', ['CREATE TABLE two (a)']);
  assert.deepEqual(await tables(store), ['one', 'two']);
});

test('a failing migration leaves the old form, also of those before it in the same call', async () => {
  await using store = open();
  await store.migrate('t', [FIRST]);
  const commits = store.position().commits;
  await assert.rejects(
    store.migrate('t', [FIRST, SECOND, 'CREATE TABLE t (k)']),
    /migration 3 of t failed and nothing was changed/,
  );
  await assert.rejects(store.migrate('t', [FIRST, 'COMMIT']), /migration 2 of t failed/);
  assert.deepEqual(await store.read('SELECT count(*) AS n FROM pragma_table_info(?)', ['t']), [{ n: 1 }]);
  assert.equal(store.position().commits, commits);
  await store.migrate('t', [FIRST, SECOND]);
});

test('a store that a newer version wrote is refused with both numbers', async () => {
  await using store = open();
  await store.migrate('t', [FIRST, SECOND]);
  await assert.rejects(store.migrate('t', [FIRST]), (error) => {
    assert.ok(isP2posError(error, 'STORE_TOO_NEW'));
    assert.match(error.message, /has form 2, this version knows 1/);
    return true;
  });
});

test('a migration whose text changed after it ran is refused', async () => {
  await using store = open();
  await store.migrate('t', [FIRST]);
  await assert.rejects(store.migrate('t', ['CREATE TABLE t (other)']), /its text differs/);
});
