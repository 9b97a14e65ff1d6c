/** What is meant to harm, through the API on both engines: each is a typed error, and the node serves others as before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDev } from '../harness.ts';

test('hostile statements, values and bodies are refused by name on both engines, and harm nobody', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 3 });
  await using client = dev.client(1);
  const code = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error) => error.code as string,
    );
  for (const engine of ['sqlite', 'rqlite'] as const) {
    await client.sql.create(engine, { engine });
    const db = client.sql(engine);
    await db.execute('CREATE TABLE stock (id INTEGER PRIMARY KEY, name TEXT)');
    await db.execute('INSERT INTO stock VALUES (1, ?)', ['tea']);

    // Values are values, whatever they look like.
    for (const name of ["'; DROP TABLE stock; --", "x' OR 1=1 --", 'a\0b', '$(reboot)', '\u{10ffff}', '']) {
      await db.execute('UPDATE stock SET name = ? WHERE id = 1', [name]);
      assert.deepEqual(await db.query('SELECT name FROM stock WHERE name = ?', [name]), [{ name }]);
    }
    for (const sql of [
      "ATTACH '/etc/passwd' AS x",
      "VACUUM INTO '/tmp/x'",
      'PRAGMA journal_mode = DELETE',
      "SELECT load_extension('x')",
      "SELECT writefile('/tmp/x', 'y')",
      'SELECT 1; DROP TABLE stock',
      'BEGIN',
      'SELECT * FROM _p2pos_requests',
      'CREATE TEMP TABLE t (a)',
      'SELECT 1\0',
    ]) {
      assert.equal(await code(db.query(sql)), 'SQL_REFUSED', `${engine}: ${sql}`);
      assert.equal(await code(db.execute(sql)), 'SQL_REFUSED', `${engine}: ${sql}`);
    }
    assert.equal(await code(db.query('DELETE FROM stock')), 'SQL_READ_ONLY');

    const many = Array.from({ length: 10_000 }, (_, i) => i);
    const marks = many.map(() => '(?)').join(',');
    assert.deepEqual(await db.query(`SELECT sum(column1) AS s FROM (VALUES ${marks})`, many), [
      { s: 49_995_000 },
    ]);
    assert.notEqual(
      await code(
        db.query(`SELECT ${Array.from({ length: 40_000 }, () => '?').join(',')}`, Array(40_000).fill(1)),
      ),
      'done',
    );
    const large =
      "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 1000000) SELECT printf('%0100d', x) FROM c";
    // rqlite makes a result whole before it sends any of it, which takes a busy machine longer than a statement may.
    const tooMuch = engine === 'sqlite' ? /^SQL_TOO_LARGE$/ : /^SQL_(TOO_LARGE|TIMEOUT)$/;
    for (const sql of [large, 'SELECT hex(zeroblob(100000000))'])
      assert.match(await code(db.query(sql, [], { timeoutMs: 25_000 })), tooMuch, `${engine}: 100 MB`);
    const endless = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';
    const [bomb, other] = await Promise.all([
      code(db.query(endless, [], { timeoutMs: 25_000 })),
      code(db.query('SELECT 1')),
    ]);
    assert.deepEqual([bomb, other], ['SQL_TIMEOUT', 'done'], engine);
    const flood = `INSERT INTO stock (name) ${endless.replace('count(*)', 'x')}`;
    const [flooded, written] = await Promise.all([
      code(db.execute(flood, [], { timeoutMs: 25_000 })),
      code(db.query('SELECT 1', [], { consistency: 'linearizable' })),
    ]);
    assert.deepEqual([flooded, written], ['SQL_TIMEOUT', 'done'], engine);

    const raw = async (body: BodyInit) => {
      const headers = { authorization: `Bearer ${dev.token(1)}`, 'content-type': 'application/json' };
      const url = `${dev.node(1).http}/v1/sql/${engine}/query`;
      const answer = await fetch(url, { method: 'POST', headers, body });
      return [answer.status, answer.headers.get('x-p2pos-error')];
    };
    assert.deepEqual(await raw('{"sql":"SELECT \'\\ud800\'"}'), [400, 'SQL_REFUSED']);
    assert.deepEqual(await raw('{"sql":"SELECT ?","params":["\\ud800"]}'), [400, 'BAD_REQUEST']);
    assert.deepEqual(await raw(Uint8Array.from([123, 34, 0xff, 0xfe, 34, 125])), [400, 'BAD_REQUEST']);
    const invalid = Buffer.from('{"sql":"SELECT \'?\'"}');
    invalid[invalid.indexOf('?')] = 0xff;
    assert.equal((await raw(invalid))[0], 400, 'invalid UTF-8 within a statement');
    assert.deepEqual(await raw('{"sql":"SELECT ?","params":[{"$int":"99999999999999999999"}]}'), [
      400,
      'BAD_REQUEST',
    ]);
    assert.deepEqual(await db.query('SELECT count(*) AS n FROM stock'), [{ n: 1 }], 'all is as before');
    assert.equal((await db.execute('INSERT INTO stock VALUES (2, ?)', ['still'])).changes, 1);
  }
});
