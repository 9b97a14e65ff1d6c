import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
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
