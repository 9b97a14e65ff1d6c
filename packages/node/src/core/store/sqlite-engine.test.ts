import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Connection } from './sqlite-connection.ts';
import { Engine, type Write } from './sqlite-engine.ts';

const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const put = keys.map((k) => ({ sql: 'INSERT INTO t VALUES (?)', params: [k] }));
const remove = keys.map((k) => ({ sql: 'DELETE FROM t WHERE k = ?', params: [k] }));
const wrong = fc.constantFrom(
  { sql: 'INSERT INTO nothing VALUES (1)' },
  { sql: 'ROLLBACK' },
  { sql: 'INSERT OR ROLLBACK INTO t VALUES (NULL)' },
);
const groups = fc.array(
  fc.array(fc.array(fc.oneof({ weight: 8, arbitrary: fc.oneof(put, remove) }, wrong), { maxLength: 4 }), {
    maxLength: 6,
  }),
);

/** What one write does to the set of keys when it is all or nothing; undefined: refused. */
function model(before: ReadonlySet<string>, write: Write): Set<string> | undefined {
  const after = new Set(before);
  for (const { sql, params } of write) {
    const key = String(params?.[0]);
    if (sql.startsWith('DELETE')) after.delete(key);
    else if (!sql.startsWith('INSERT INTO t') || after.has(key)) return undefined;
    else after.add(key);
  }
  return after;
}

test('a group commit does what its writes would have done one after the other, each all or nothing', () => {
  fc.assert(
    fc.property(groups, (commits) => {
      using engine = new Engine({ file: ':memory:', newStoreId: 'x' });
      engine.migrate('t', ['CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL)']);
      let expected = new Set<string>();
      for (const writes of commits) {
        const outcomes = engine.commit(writes);
        assert.equal(outcomes.length, writes.length);
        for (const [index, write] of writes.entries()) {
          const after = model(expected, write);
          assert.equal('results' in (outcomes[index] as object), after !== undefined);
          expected = after ?? expected;
        }
        const rows = engine.read<{ k: string }>('SELECT k FROM t ORDER BY k');
        assert.deepEqual(
          rows.map(({ k }) => k),
          [...expected].sort(),
        );
      }
    }),
  );
});

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const SQLITE_IOERR_FSYNC = 1034;
const insert = (k: string) => [{ sql: 'INSERT INTO t VALUES (?)', params: [k] }];

/** What SQLite answers to the statement from now on; undefined: what it is. */
function refuse(t: TestContext, statement: string, code: () => number | undefined): void {
  const { run } = Connection.prototype;
  t.mock.method(Connection.prototype, 'run', function (this: Connection, ...args: Parameters<typeof run>) {
    const errcode = args[0] === statement ? code() : undefined;
    if (errcode !== undefined) throw Object.assign(new Error('refused'), { errcode });
    return run.apply(this, args);
  });
}

test('after a commit that the disk failed nothing more is told as done', (t) => {
  using engine = new Engine({ file: ':memory:', newStoreId: 'x' });
  engine.migrate('t', ['CREATE TABLE t (k TEXT PRIMARY KEY)']);
  let commits = 0;
  refuse(t, 'COMMIT', () => [SQLITE_FULL, undefined, SQLITE_IOERR_FSYNC][commits++]);
  const outcomes = [...engine.commit(['a', 'b', 'c', 'd'].map(insert)), ...engine.commit([insert('e')])];
  assert.deepEqual(
    outcomes.map((outcome) => 'failure' in outcome && outcome.failure.fatal),
    [false, true, true, true, true],
  );
  assert.throws(() => engine.migrate('u', ['CREATE TABLE u (k)']));
  assert.deepEqual(engine.read('SELECT k FROM t'), [{ k: 'a' }]);
});

test('a group that cannot begin waits for that once', (t) => {
  using engine = new Engine({ file: ':memory:', newStoreId: 'x' });
  engine.migrate('t', ['CREATE TABLE t (k TEXT PRIMARY KEY)']);
  let begins = 0;
  refuse(t, 'BEGIN IMMEDIATE', () => {
    begins++;
    return SQLITE_BUSY;
  });
  const outcomes = engine.commit(['a', 'b', 'c'].map(insert));
  assert.deepEqual(
    outcomes.map((outcome) => 'failure' in outcome && outcome.failure.code),
    ['STORE_FAILED', 'STORE_FAILED', 'STORE_FAILED'],
  );
  assert.equal(begins, 1);
});
