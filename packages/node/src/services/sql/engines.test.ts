/** One API on every engine: the same values, results and refusals. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createNodeCrypto } from '../../core/crypto/index.ts';
import { migrate } from './migrations.ts';
import { knownEngines, openEngine } from './testing/engines.ts';

const coded = (code: string) => (error: unknown) => {
  assert.ok(isP2posError(error), String(error));
  assert.equal(error.code, code, error.message);
  return true;
};

for (const { name, kind, program } of await knownEngines()) {
  const open = (options = {}) => openEngine(kind, { ...options, ...(program !== undefined && { program }) });

  describe(`engine ${name}`, () => {
    it('keeps each value as what it was, whatever it looks like', async () => {
      await using db = await open();
      const values = [
        null,
        0,
        -1,
        2 ** 53 - 1,
        2n ** 62n,
        -(2n ** 63n),
        1.5,
        -0.1,
        1e300,
        'ü☕\u{1f600}',
        '',
        "x'00ff'",
        'a\0b',
        "it's",
        '5',
        Uint8Array.of(0, 255, 65),
        'line\nbreak "quoted" \\',
      ];
      await db.write(['CREATE TABLE v (id INTEGER PRIMARY KEY, a, kind BLOB)']);
      for (const value of values)
        await db.write([['INSERT INTO v (a, kind) VALUES (?1, typeof(?1))', value]]);
      const kinds = (await db.query('SELECT typeof(a) FROM v ORDER BY id')).rows.flat();
      assert.deepEqual(kinds, [
        'null',
        'integer',
        'integer',
        'integer',
        'integer',
        'integer',
        'real',
        'real',
        'real',
        'text',
        'text',
        'text',
        'text',
        'text',
        'text',
        'blob',
        'text',
      ]);
      const got = (await db.query('SELECT a FROM v ORDER BY id')).rows.flat();
      assert.deepEqual(got, values);
      await db.write([
        'CREATE TABLE d (r REAL, b BLOB)',
        ['INSERT INTO d VALUES (?, ?)', 9007199254740994, Uint8Array.of()],
      ]);
      assert.deepEqual((await db.query('SELECT r, b FROM d')).rows, [[9007199254740994, Uint8Array.of()]]);
      const named = await db.query('SELECT :a AS a, @b AS b, $c AS c, :a AS again', {
        a: 1,
        b: Uint8Array.of(255, 7),
        c: "x'41'",
      });
      assert.deepEqual(named, {
        columns: ['a', 'b', 'c', 'again'],
        rows: [[1, Uint8Array.of(255, 7), "x'41'", 1]],
      });
      assert.deepEqual((await db.query('SELECT ?2, ?1', [Uint8Array.of(1, 128), 2])).rows, [
        [2, Uint8Array.of(1, 128)],
      ]);
    });

    it('answers what each statement did', async () => {
      await using db = await open();
      const results = await db.write([
        'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)',
        ['INSERT INTO t (a) VALUES (?), (?)', 1, 2],
        'INSERT INTO t (a) VALUES (last_insert_rowid() + 100)',
        'UPDATE t SET a = a + 1000',
        'DELETE FROM t WHERE a > 1100 RETURNING a',
        'INSERT INTO t (id, a) VALUES (1, 5) ON CONFLICT DO NOTHING',
        'CREATE INDEX i ON t (a)',
      ]);
      assert.deepEqual(results, [
        { changes: 0, lastInsertId: null },
        { changes: 2, lastInsertId: 2 },
        { changes: 1, lastInsertId: 3 },
        { changes: 3, lastInsertId: null },
        { changes: 1, lastInsertId: null, returned: { columns: ['a'], rows: [[1102]] } },
        { changes: 0, lastInsertId: null },
        { changes: 0, lastInsertId: null },
      ]);
      assert.deepEqual(await db.query('SELECT * FROM t WHERE 0'), { columns: ['id', 'a'], rows: [] });
    });

    it('T11: of concurrent requests one that fails is undone alone, and none is done twice', async () => {
      await using db = await open();
      await db.write(['CREATE TABLE t (a INTEGER PRIMARY KEY)', 'CREATE TABLE log (a)']);
      const asked = Array.from({ length: 40 }, (_, i) => {
        if (i % 7 === 3) return [['INSERT INTO log VALUES (?)', i], 'INSERT INTO t VALUES (0)'] as const;
        if (i % 7 === 5)
          return [['INSERT INTO log VALUES (?)', i], 'INSERT OR ROLLBACK INTO t VALUES (0)'] as const;
        return [
          ['INSERT INTO log VALUES (?)', i],
          ['INSERT INTO t VALUES (?)', i],
        ] as const;
      });
      const outcomes = await Promise.allSettled(asked.map((statements) => db.write(statements)));
      const failed = outcomes.flatMap(({ status }, i) => (status === 'rejected' ? [i] : []));
      assert.deepEqual(
        failed,
        asked.flatMap((_, i) => (i % 7 === 3 || i % 7 === 5 ? [i] : [])),
      );
      const kept = (await db.query('SELECT a FROM log ORDER BY a')).rows.flat();
      assert.deepEqual(
        kept,
        asked.flatMap((_, i) => (failed.includes(i) ? [] : [i])),
      );
    });

    it('T11: a statement that cannot even be prepared undoes those before and after it', async () => {
      await using db = await open();
      await db.write(['CREATE TABLE t (a UNIQUE)']);
      const half = [
        ['INSERT INTO t VALUES (?)', 1],
        'INSERT INTO nowhere VALUES (1)',
        'INSERT INTO t VALUES (2)',
      ] as const;
      await assert.rejects(db.write(half, 'k'), coded('SQL_SYNTAX'));
      await assert.rejects(db.write(half, 'k'), coded('SQL_SYNTAX'));
      assert.deepEqual((await db.query('SELECT * FROM t')).rows, []);
    });

    it('does what comes again under one key once, and refuses another request under it', async () => {
      await using db = await open();
      await db.write(['CREATE TABLE t (a)']);
      const insert = () =>
        db.write(
          [
            ['INSERT INTO t VALUES (?)', 1],
            ['INSERT INTO t VALUES (?)', 2],
          ],
          'once',
        );
      const all = await Promise.all(Array.from({ length: 8 }, insert));
      for (const results of all) assert.deepEqual(results, all[0]);
      assert.deepEqual((await db.query('SELECT count(*) FROM t')).rows, [[2]]);
      await assert.rejects(
        db.write([['INSERT INTO t VALUES (?)', 3]], 'once'),
        coded('IDEMPOTENCY_KEY_REUSED'),
      );
    });

    it('answers what is wrong with a statement by a code of its own', async () => {
      await using db = await open();
      await db.write([
        'CREATE TABLE p (a INTEGER PRIMARY KEY)',
        'CREATE TABLE t (a UNIQUE NOT NULL, p REFERENCES p DEFERRABLE INITIALLY DEFERRED)',
      ]);
      await db.write(['INSERT INTO t (a) VALUES (1)']);
      await assert.rejects(db.write(['INSERT INTO t (a) VALUES (1)']), coded('SQL_CONSTRAINT'));
      await assert.rejects(db.write(['INSERT INTO t VALUES (2, 77)']), coded('SQL_CONSTRAINT'));
      await assert.rejects(db.write(['INSERT INTO nowhere VALUES (1)']), coded('SQL_SYNTAX'));
      await assert.rejects(db.query('SELECT nothing'), coded('SQL_SYNTAX'));
      await assert.rejects(db.query('SELECT hex(zeroblob(600000))'), coded('SQL_TOO_LARGE'));
      await assert.rejects(
        db.query(
          'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x, hex(randomblob(50)) FROM c LIMIT 200000',
        ),
        coded('SQL_TOO_LARGE'),
      );
      assert.deepEqual((await db.query('SELECT count(*) FROM t')).rows, [[1]]);
    });

    it('applies migrations once and whole, and refuses those that changed', async () => {
      await using db = await open();
      const deps = { engine: db.engine, crypto: createNodeCrypto(), now: () => 7 };
      const options = { timeoutMs: 5_000 };
      const first = { number: 1, name: 'users', sql: 'CREATE TABLE u (a); CREATE INDEX i ON u (a);' };
      const second = { number: 2, name: 'fill', sql: "INSERT INTO u VALUES ('; a'), (2); -- done" };
      const both = await Promise.all([
        migrate(deps, [first], options),
        migrate(deps, [first, second], options),
      ]);
      // Who brings the first alone is told of the second too, if that was faster.
      assert.ok([1, 2].includes(both[0].version));
      assert.equal(both[1].version, 2);
      assert.deepEqual(await migrate(deps, [first, second], options), { applied: [], version: 2 });
      assert.deepEqual((await db.query('SELECT count(*) FROM u')).rows, [[2]]);
      const wrong = {
        number: 3,
        name: 'half',
        sql: 'INSERT INTO u VALUES (3); INSERT INTO nowhere VALUES (1)',
      };
      await assert.rejects(migrate(deps, [wrong], options), coded('SQL_SYNTAX'));
      assert.deepEqual((await db.query('SELECT count(*) FROM u')).rows, [[2]]);
      for (const bad of [
        [{ ...first, sql: 'SELECT 1' }],
        [{ ...first, number: 5 }],
        [first, { ...second, number: 3 }],
      ])
        await assert.rejects(migrate(deps, bad, options), coded('SQL_MIGRATION'));
    });

    it('is backed up into a SQLite file and restored from one', async () => {
      await using db = await open();
      await db.write(['CREATE TABLE t (a)', ['INSERT INTO t VALUES (?)', 'first']]);
      const file = await db.engine.backup({ timeoutMs: 5_000 });
      assert.equal(new TextDecoder().decode(file.subarray(0, 15)), 'SQLite format 3');
      await db.write(['DELETE FROM t', 'CREATE TABLE later (a)']);
      await assert.rejects(
        db.engine.restore(new Uint8Array(5_000), { timeoutMs: 5_000 }),
        coded('SQL_REFUSED'),
      );
      assert.deepEqual((await db.query('SELECT count(*) FROM later')).rows, [[0]]);
      await db.engine.restore(file, { timeoutMs: 5_000 });
      assert.deepEqual((await db.query('SELECT * FROM t')).rows, [['first']]);
      await assert.rejects(db.query('SELECT * FROM later'), coded('SQL_SYNTAX'));
      await db.write([['INSERT INTO t VALUES (?)', 'second']]);
    });

    it('ends a statement that does not end, and serves others as before', async () => {
      await using db = await open({ statementTimeoutMs: 700 });
      await db.write(['CREATE TABLE t (a)', 'INSERT INTO t VALUES (1)']);
      const endless =
        'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';
      const bomb = assert.rejects(db.query(endless), coded('SQL_TIMEOUT'));
      const [other] = await Promise.all([db.query('SELECT a FROM t'), bomb]);
      assert.deepEqual(other.rows, [[1]]);
      await db.write([['INSERT INTO t VALUES (?)', 2]]);
      assert.deepEqual((await db.query('SELECT count(*) FROM t')).rows, [[2]]);
    });

    it('ends a write that does not end, alone or among others, and leaves nothing of it', async () => {
      await using db = await open({ statementTimeoutMs: 1_000 });
      await db.write(['CREATE TABLE t (a)', 'INSERT INTO t VALUES (1)']);
      const endless = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)';
      for (const bomb of [
        `INSERT INTO t ${endless} SELECT x FROM c`,
        `${endless} INSERT INTO t SELECT x FROM c`,
        `CREATE TABLE u AS ${endless} SELECT x FROM c`,
        `INSERT INTO t VALUES ((${endless} SELECT max(x) FROM c))`,
        `UPDATE t SET a = (${endless} SELECT max(x) FROM c)`,
        `DELETE FROM t WHERE a IN (${endless} SELECT x + 1 FROM c)`,
      ]) {
        const failed = assert.rejects(
          db.write(['INSERT INTO t VALUES (7)', bomb]),
          coded('SQL_TIMEOUT'),
          bomb,
        );
        await Promise.all([failed, db.write(['INSERT INTO t VALUES (2)'])]);
      }
      await db.write(['INSERT INTO t WITH c(x) AS (VALUES (3), (3)) SELECT x FROM c WHERE x > 0']);
      const { rows } = await db.query('SELECT a, count(*) FROM t GROUP BY a');
      assert.deepEqual(rows, [
        [1, 1],
        [2, 6],
        [3, 2],
      ]);
    });

    it('takes 10 000 parameters, and full text', async () => {
      await using db = await open();
      const many = Array.from({ length: 10_000 }, (_, i) => i);
      const { rows } = await db.query(
        `SELECT sum(column1) FROM (VALUES ${many.map(() => '(?)').join(',')})`,
        many,
      );
      assert.deepEqual(rows, [[49_995_000]]);
      await db.write([
        'CREATE VIRTUAL TABLE f USING fts5(body)',
        ['INSERT INTO f VALUES (?)', 'the quick brown fox'],
      ]);
      assert.deepEqual((await db.query("SELECT body FROM f WHERE f MATCH 'quick'")).rows, [
        ['the quick brown fox'],
      ]);
    });
  });
}
