/** Transactions of several calls: serializable on every engine, by waiting on `sqlite`, by comparing on `rqlite`. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { examine } from './statements/examination.ts';
import { knownEngines, openEngine, type TestEngine } from './testing/engines.ts';

const coded = (code: string) => (error: unknown) => {
  assert.ok(isP2posError(error), String(error));
  assert.equal(error.code, code, error.message);
  return true;
};
const WITHIN = { timeoutMs: 8_000 };

test('a transaction of several calls is serializable, ends by itself, and holds up writers only for its time', async () => {
  await using db = await openEngine('sqlite');
  const { interactive } = db.engine;
  const options = { timeoutMs: 2_000 };
  await db.write(['CREATE TABLE t (a UNIQUE)', 'INSERT INTO t VALUES (1)']);
  const step = (id: string, sql: string) =>
    interactive.step(id, { examined: examine(sql), params: [] }, options);
  await interactive.begin('one', options);
  await step('one', 'UPDATE t SET a = a + 1');
  const waiting = db.write(['INSERT INTO t VALUES (10)']);
  assert.deepEqual((await db.query('SELECT a FROM t')).rows, [[1]], 'others see nothing of it');
  assert.deepEqual((await step('one', 'SELECT a FROM t')).returned?.rows, [[2]], 'it sees itself');
  await assert.rejects(step('one', 'INSERT INTO t VALUES (2)'), coded('SQL_CONSTRAINT'));
  await assert.rejects(step('two', 'SELECT 1'), coded('SQL_TRANSACTION_ENDED'));
  await assert.rejects(interactive.begin('two', { timeoutMs: 100 }), coded('SQL_BUSY'));
  await interactive.end('one', 'commit', options);
  await waiting;
  assert.deepEqual((await db.query('SELECT a FROM t ORDER BY a')).rows, [[2], [10]]);
  await interactive.begin('three', options);
  await step('three', 'DELETE FROM t');
  await interactive.end('three', 'rollback', options);
  await assert.rejects(interactive.end('three', 'commit', options), coded('SQL_TRANSACTION_ENDED'));
  await interactive.begin('four', options);
  await step('four', 'DELETE FROM t');
  await assert.rejects(
    step('four', 'INSERT OR ROLLBACK INTO t SELECT 1 UNION ALL SELECT 1'),
    coded('SQL_CONSTRAINT'),
  );
  await assert.rejects(step('four', 'SELECT 1'), coded('SQL_TRANSACTION_ENDED'));
  assert.deepEqual((await db.query('SELECT count(*) FROM t')).rows, [[2]]);
});

/** The calls of one transaction. */
async function begin({ engine: { interactive } }: TestEngine, id: string) {
  await interactive.begin(id, WITHIN);
  return {
    step: (sql: string, ...params: unknown[]) =>
      interactive.step(id, { examined: examine(sql), params: params as never }, WITHIN),
    commit: () => interactive.end(id, 'commit', WITHIN),
    rollback: () => interactive.end(id, 'rollback', WITHIN),
  };
}

for (const { name, kind, program } of await knownEngines()) {
  if (kind === 'sqlite') continue;
  describe(`transactions of several calls, engine ${name}`, () => {
    const open = () => openEngine(kind, program === undefined ? {} : { program });

    it('keeps writes until the commit, which tells what they did', async () => {
      await using db = await open();
      await db.write(['CREATE TABLE t (id INTEGER PRIMARY KEY, a)', 'CREATE TABLE u (a)']);
      const one = await begin(db, 'one');
      assert.deepEqual(await one.step('INSERT INTO t (a) VALUES (?)', 'x'), {
        changes: 0,
        lastInsertId: null,
        deferred: true,
      });
      await one.step('INSERT INTO t (a) VALUES (2), (3) RETURNING id');
      assert.deepEqual((await db.query('SELECT * FROM t')).rows, [], 'others see nothing of it');
      assert.deepEqual((await one.step('SELECT * FROM u')).returned?.rows, []);
      await assert.rejects(one.step('SELECT * FROM nowhere'), coded('SQL_SYNTAX'));
      await assert.rejects(one.step('INSERT INTO nowhere VALUES (1)'), coded('SQL_SYNTAX'));
      assert.deepEqual(await one.commit(), [
        { changes: 1, lastInsertId: 1 },
        { changes: 2, lastInsertId: null, returned: { columns: ['id'], rows: [[2], [3]] } },
      ]);
      assert.equal((await db.query('SELECT * FROM t')).rows.length, 3);
      assert.equal(await one.commit(), undefined, 'a repeat of the commit is done no second time');
      assert.equal((await db.query('SELECT * FROM t')).rows.length, 3);
      const two = await begin(db, 'two');
      await two.step('DELETE FROM t');
      await two.rollback();
      await assert.rejects(two.commit(), coded('SQL_TRANSACTION_ENDED'));
      await assert.rejects(two.step('SELECT 1'), coded('SQL_TRANSACTION_ENDED'));
      const three = await begin(db, 'three');
      await three.step('INSERT INTO t (id) VALUES (9), (1)');
      await assert.rejects(three.commit(), coded('SQL_CONSTRAINT'));
      assert.equal((await db.query('SELECT * FROM t')).rows.length, 3, 'nothing of it is kept');
    });

    it('reads every value as it is, in its order', async () => {
      await using db = await open();
      const values = [
        null,
        0,
        -7,
        2n ** 62n,
        1.5,
        -0.1,
        1e300,
        'a;b,c',
        '',
        'a\0b',
        'ü☕',
        Uint8Array.of(0, 255),
        "x'41'",
      ];
      await db.write(['CREATE TABLE v (id INTEGER PRIMARY KEY, a)', 'CREATE TABLE other (a)']);
      for (const value of values) await db.write([['INSERT INTO v (a) VALUES (?)', value]]);
      const one = await begin(db, 'one');
      const { returned } = await one.step('SELECT id, a, a FROM v WHERE id > ? ORDER BY id DESC', 0);
      assert.deepEqual(returned?.columns, ['id', 'a', 'a']);
      assert.deepEqual(returned?.rows, values.map((value, i) => [i + 1, value, value]).toReversed());
      const named = examine('SELECT a FROM v WHERE id = :_id -- one');
      const { interactive } = db.engine;
      const step = await interactive.step('one', { examined: named, params: { _id: 8 } }, WITHIN);
      assert.deepEqual(step.returned?.rows, [['a;b,c']]);
      await one.step("INSERT INTO other VALUES ('done')");
      assert.equal((await one.commit())?.length, 1);
    });

    it('is refused where what it read has changed, and nowhere else', async () => {
      await using db = await open();
      await db.write(['CREATE TABLE t (id INTEGER PRIMARY KEY, n)', 'INSERT INTO t VALUES (1, 10), (2, 20)']);
      const [one, two, three] = [await begin(db, 'one'), await begin(db, 'two'), await begin(db, 'three')];
      for (const each of [one, two, three]) await each.step('SELECT n FROM t WHERE id = 1');
      await one.step('UPDATE t SET n = 11 WHERE id = 1');
      await two.step('UPDATE t SET n = 12 WHERE id = 1');
      await db.write(['UPDATE t SET n = 21 WHERE id = 2']);
      assert.equal((await one.commit())?.[0]?.changes, 1, 'another row is no matter');
      await assert.rejects(two.commit(), coded('SQL_CONFLICT'));
      await assert.rejects(three.commit(), coded('SQL_CONFLICT'), 'one that only reads tells what was true');
      assert.deepEqual((await db.query('SELECT n FROM t')).rows, [[11], [21]]);
      await assert.rejects(two.commit(), coded('SQL_TRANSACTION_ENDED'));
      const phantom = await begin(db, 'phantom');
      await phantom.step('SELECT count(*) FROM t WHERE n > 100');
      await phantom.step('INSERT INTO t VALUES (3, 0)');
      await db.write(['INSERT INTO t VALUES (4, 101)']);
      await assert.rejects(phantom.commit(), coded('SQL_CONFLICT'), 'rows that come are a change too');
    });

    it('loses no update and makes no write skew among many', async () => {
      await using db = await open();
      await db.write(['CREATE TABLE t (id INTEGER PRIMARY KEY, n)', 'INSERT INTO t VALUES (1, 0), (2, 100)']);
      let conflicts = 0;
      const worker = async (who: number) => {
        for (let i = 0; i < 5; i++) {
          for (let attempt = 0; ; attempt++) {
            const one = await begin(db, `w${who}-${i}-${attempt}`);
            const { returned } = await one.step('SELECT sum(n), max(n) FROM t WHERE id < 3');
            assert.equal(returned?.rows[0]?.[0], 100, 'the sum stays');
            const high = Number(returned?.rows[0]?.[1]);
            await one.step('UPDATE t SET n = n + 1 WHERE id = 1 AND ? > 0', high);
            await one.step('UPDATE t SET n = n - 1 WHERE id = 2 AND ? > 0', high);
            const done = await one.commit().then(
              () => true,
              (error) => coded('SQL_CONFLICT')(error) && false,
            );
            if (done) break;
            conflicts += 1;
          }
        }
      };
      await Promise.all([0, 1, 2, 3].map(worker));
      assert.deepEqual((await db.query('SELECT n FROM t')).rows, [[20], [80]]);
      assert.ok(conflicts > 0, 'they were at it at the same time');
    });

    it('refuses to read what it has changed itself, however it did', async () => {
      await using db = await open();
      await db.write([
        'CREATE TABLE p (id INTEGER PRIMARY KEY)',
        'CREATE TABLE c (p REFERENCES p ON DELETE CASCADE)',
        'CREATE TABLE log (a)',
        'CREATE TABLE apart (a)',
        'CREATE TRIGGER t AFTER DELETE ON p BEGIN INSERT INTO log VALUES (old.id); END',
        'CREATE VIEW v AS SELECT count(*) FROM log',
        'CREATE VIRTUAL TABLE f USING fts5(body)',
        'INSERT INTO p VALUES (1)',
      ]);
      const one = await begin(db, 'one');
      await one.step('SELECT * FROM p');
      await one.step('DELETE FROM p WHERE id = 1');
      for (const sql of ['SELECT * FROM p', 'SELECT * FROM c', 'SELECT * FROM log', 'SELECT * FROM v'])
        await assert.rejects(one.step(sql), coded('SQL_UNSUPPORTED'), sql);
      await one.step('SELECT * FROM apart');
      await one.step('SELECT body FROM f');
      await one.step("INSERT INTO f VALUES ('x')");
      await assert.rejects(one.step('SELECT body FROM f'), coded('SQL_UNSUPPORTED'));
      await one.step('CREATE TABLE late (a)');
      await one.step('INSERT INTO late VALUES (1)');
      await assert.rejects(one.step('SELECT * FROM apart'), coded('SQL_UNSUPPORTED'));
      await assert.rejects(one.step('SELECT random()'), coded('SQL_UNSUPPORTED'));
      await one.commit();
      assert.deepEqual((await db.query('SELECT * FROM v, late')).rows, [[1, 1]]);
    });

    it('is bounded in statements and bytes', async () => {
      await using db = await open();
      await db.write(['CREATE TABLE t (a)']);
      const one = await begin(db, 'one');
      await one.step('INSERT INTO t VALUES (?)', 'x'.repeat(900_000));
      await one.step('INSERT INTO t VALUES (?)', 'x'.repeat(900_000));
      await assert.rejects(one.step('INSERT INTO t VALUES (?)', 'x'.repeat(900_000)), coded('SQL_TOO_LARGE'));
      await one.rollback();
    });
  });
}
