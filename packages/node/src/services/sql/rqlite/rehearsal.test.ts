/** What a write reads, as a read: it is one that SQLite takes, and asks what the write asks. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { SqlValue } from '@p2pos/protocol';
import { examine } from '../statements/examination.ts';
import { rehearsalOf } from './rehearsal.ts';

const db = new DatabaseSync(':memory:');
db.exec('CREATE TABLE t (a, b); CREATE TABLE u (a, b); INSERT INTO u VALUES (1, 10), (2, 20), (3, 30)');
const rehearsed = (sql: string, ...params: SqlValue[]) => {
  const read = rehearsalOf({ examined: examine(sql), params });
  if (!read) return undefined;
  const row = db.prepare(read.examined.sql).get(...(read.params as never[])) as Record<string, unknown>;
  return Object.values(row);
};

test('plain writes are sent as they are', () => {
  for (const sql of [
    'INSERT INTO t VALUES (?, ?)',
    'INSERT INTO t DEFAULT VALUES',
    "INSERT INTO t VALUES ('select from (select', 1)",
    'DELETE FROM t WHERE a = ?',
    'UPDATE t SET a = a + ? WHERE b = ? RETURNING a',
    'CREATE VIEW v AS SELECT * FROM u',
    'CREATE TABLE w (a, b)',
    'CREATE INDEX i ON t (a)',
    'ALTER TABLE t RENAME TO w',
  ])
    assert.equal(rehearsalOf({ examined: examine(sql), params: [] }), undefined, sql);
});

test('what a write asks is asked before, with the values that it takes', () => {
  const cases: [string, SqlValue[], unknown[]][] = [
    ['INSERT INTO t SELECT a, b FROM u WHERE a > ?', [1], [2]],
    ['INSERT INTO t (a) SELECT a FROM u WHERE a > ? RETURNING a + ?', [2, 9], [1]],
    ['WITH c(x) AS (SELECT ?) INSERT INTO t SELECT x, ? FROM c, u -- all', [1, 2], [3]],
    ['INSERT INTO t WITH c(x) AS (SELECT 7) SELECT x, x FROM c', [], [1]],
    ['INSERT INTO t VALUES (?, (SELECT max(a) FROM u WHERE a < ?))', [1, 0], [1]],
    ['INSERT INTO t SELECT a, b FROM u WHERE true ON CONFLICT DO NOTHING', [], [3]],
    ['CREATE TABLE w AS SELECT * FROM u JOIN u AS v ON u.a = v.a', [], [3]],
    ['DELETE FROM u WHERE a IN (SELECT a FROM u WHERE b > ?)', [10], [2]],
    ['WITH c(x) AS (SELECT 2) DELETE FROM u AS n WHERE n.a = (SELECT x FROM c) RETURNING a', [], [1]],
    ['UPDATE u SET b = ? WHERE a IN (SELECT a FROM u WHERE a <> ?)', [0, 1], [2]],
    ['UPDATE OR IGNORE u SET b = ?, a = (SELECT max(a) FROM t WHERE t.b = u.b) WHERE a = ?', [5, 3], [2]],
    ['UPDATE u SET b = n.b FROM u AS n WHERE n.a = u.a AND n.a > ?', [1], [2]],
  ];
  for (const [sql, params, expected] of cases) assert.deepEqual(rehearsed(sql, ...params), expected, sql);
});

test('values by name stay by name', () => {
  const sql = 'INSERT INTO t SELECT a, :b FROM u WHERE a > :a';
  const read = rehearsalOf({ examined: examine(sql), params: { a: 2, b: 'x' } });
  assert.deepEqual(read?.params, { a: 2, b: 'x' });
  assert.deepEqual(Object.values(db.prepare(read?.examined.sql ?? '').get({ a: 2, b: 'x' }) ?? {}), [1]);
});
