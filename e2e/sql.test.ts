/** SQL between real processes, engine sqlite: one node holds it, every node answers for it. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { sql } from '@p2pos/sdk';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { shareDev } from './harness.ts';

const system = shareDev({ nodes: 3 });

test('a database made through one node is asked and changed through every other, and outlives its node', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  const clients = [0, 1, 2].map((index) => dev.client(index));
  const [one, two, three] = clients.map((client) => client.sql('orders'));
  assert.ok(one && two && three && clients[0]);
  assert.equal((await clients[0].sql.create('orders')).created, true);
  await two.execute(
    'CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT, price REAL, raw BLOB, big INTEGER)',
  );
  const values = ['tea ☕', 2.5, Uint8Array.of(0, 255), 2n ** 62n] as const;
  const added = await three.execute('INSERT INTO orders (what, price, raw, big) VALUES (?, ?, ?, ?)', [
    ...values,
  ]);
  assert.deepEqual(added, { changes: 1, lastInsertId: 1 });
  for (const db of [one, two, three]) {
    const [row] = await db.query(sql`SELECT * FROM orders WHERE what = ${values[0]}`);
    assert.deepEqual(row, { id: 1, what: values[0], price: 2.5, raw: values[2], big: values[3] });
  }
  const [first, second] = await two.transaction([
    sql`UPDATE orders SET price = ${3}`,
    'SELECT count(*) AS n FROM orders',
  ]);
  assert.deepEqual([first?.changes, second?.returned?.rows], [1, [[1]]]);
  await assert.rejects(two.transaction(['DELETE FROM orders', 'INSERT INTO nowhere VALUES (1)']), {
    code: 'SQL_SYNTAX',
    message: /no such table: nowhere/,
  });
  assert.equal((await one.query('SELECT * FROM orders')).length, 1);
  const schema = await three.schema();
  assert.deepEqual(
    schema.tables.map(({ name }) => name),
    ['orders'],
  );
  assert.equal(schema.tables[0]?.columns.length, 5);

  // Concurrent writers through all nodes; a repeat under one key has one effect.
  await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      [one, two, three][i % 3]?.execute(sql`INSERT INTO orders (what) VALUES (${`n${i}`})`),
    ),
  );
  for (const db of [one, two, three, one])
    assert.equal(
      (await db.execute('INSERT INTO orders (what) VALUES (?)', ['once'], { idempotencyKey: 'k' }))
        .lastInsertId,
      62,
    );
  await assert.rejects(one.execute('DELETE FROM orders', [], { idempotencyKey: 'k' }), {
    code: 'IDEMPOTENCY_KEY_REUSED',
  });

  const { holders } = await one.status();
  const holder = dev.nodes().findIndex(({ peerId }) => peerId === holders[0]?.peerId);
  const other = clients[(holder + 1) % 3]?.sql('orders');
  dev.kill(holder);
  const down = await other?.query('SELECT count(*) AS n FROM orders').catch((error) => error);
  assert.equal(down.code, 'SQL_HOLDER_UNREACHABLE');
  assert.equal(down.status, 503);
  await eventually(
    async () => {
      const rows = await other?.query('SELECT count(*) AS n FROM orders');
      return rows?.[0]?.['n'] === 62;
    },
    { timeoutMs: 30_000 },
  );
  for (const client of clients) await client.close();
});

test('T18: a second creation of one name changes nothing, whoever asks', { timeout: 300_000 }, async () => {
  const dev = await system();
  await using client = dev.client(0);
  const made = await Promise.all(
    [0, 1, 2, 0, 1, 2].map(async (index) => {
      await using own = dev.client(index);
      return own.sql.create('one');
    }),
  );
  assert.equal(made.filter(({ created }) => created).length, 1);
  assert.equal(new Set(made.map(({ holders }) => holders.join())).size, 1);
  await client.sql('one').execute('CREATE TABLE t (a)');
  assert.equal((await client.sql.create('one', { engine: 'sqlite' })).created, false);
  assert.equal((await client.sql('one').schema()).tables.length, 1);
  await assert.rejects(client.sql.drop('one', 'two'), { code: 'SQL_CONFIRM_NAME' });
  assert.deepEqual(await client.sql.drop('one', 'one'), { existed: true });
  assert.deepEqual(await client.sql.drop('one', 'one'), { existed: false });
  await assert.rejects(client.sql('one').query('SELECT 1'), { code: 'SQL_DATABASE_NOT_FOUND' });
});

test('p2pctl makes, fills, asks and drops a database', { timeout: 300_000 }, async () => {
  const dev = await system();
  const done = async (...words: string[]) => {
    const { code, stdout, stderr } = await dev.p2pctl(...words);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  assert.match(await done('sql', 'create', 'shop'), /^created shop \(sqlite\)/);
  assert.match(await done('sql', 'create', 'shop', '--node', '1'), /nothing changed/);
  await done('sql', 'execute', 'shop', 'CREATE TABLE t (a, b)');
  await done('sql', 'exec', 'shop', 'INSERT INTO t VALUES (?, ?)', '--param', '5', '--param', 'tea');
  assert.match(
    await done('sql', 'query', 'shop', 'SELECT a, b, typeof(a) AS c FROM t', '--node', '1'),
    /5 +tea +integer/,
  );
  const json = JSON.parse(await done('query', 'shop', 'SELECT * FROM t', '--json'));
  assert.deepEqual(json, { columns: ['a', 'b'], rows: [[5, 'tea']] });
  assert.match(await done('sql', 'list'), /shop +sqlite +1/);
  assert.match(await done('sql', 'status', 'shop'), /holder/);
  assert.match(await done('sql', 'schema', 'shop'), /CREATE TABLE t/);
  const wrong = await dev.p2pctl('query', 'shop', 'SELEC 1');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /SQL_SYNTAX/);
  assert.match(await done('sql', 'drop', 'shop', '--confirm', 'shop'), /deleted/);
});

test('a database is migrated, imported, followed live, exported, backed up and restored', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  await using folder = await createTempFolder();
  const at = (name: string) => join(folder.path, name);
  const done = async (...words: string[]) => {
    const { code, stdout, stderr } = await dev.p2pctl(...words);
    assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
    return stdout;
  };
  await done('sql', 'create', 'log');
  await mkdir(at('migrations'));
  await writeFile(
    at('migrations/1_commits.sql'),
    'CREATE TABLE commits (hash TEXT PRIMARY KEY, at TEXT, subject TEXT);',
  );
  assert.match(await done('sql', 'migrate', 'log', at('migrations')), /applied 1/);
  assert.match(await done('sql', 'migrate', 'log', at('migrations'), '--node', '1'), /nothing to apply/);

  await using other = dev.client(1);
  const db = other.sql('log');
  const end = new AbortController();
  const days = new Map<unknown, unknown>();
  const following = (async () => {
    const live = db.live('SELECT at AS day, count(*) AS n FROM commits GROUP BY at', {
      key: ['day'],
      signal: end.signal,
    });
    for await (const event of live)
      for (const [day, n] of event.type === 'change' ? event.upserts : event.rows) days.set(day, n);
  })();
  const rows = Array.from({ length: 3_000 }, (_, i) => [
    `h${i}`,
    `2026-01-${String((i % 28) + 1).padStart(2, '0')}`,
    `say "${i}", ü`,
  ]);
  const csv = [
    'hash,at,subject',
    ...rows.map(([hash, day, subject]) => `${hash},${day},"${subject?.replaceAll('"', '""')}"`),
  ];
  await writeFile(at('commits.csv'), csv.join('\n'));
  assert.match(await done('sql', 'import', 'log', 'commits', at('commits.csv')), /imported 3000/);
  await eventually(() => [...days.values()].reduce((sum: number, n) => sum + Number(n), 0) === 3_000);
  await db.execute("DELETE FROM commits WHERE at = '2026-01-01'");
  end.abort();
  await following;

  const out = await done('sql', 'export', 'log', 'commits', '--node', '1');
  assert.equal(out.trim().split('\n').length, 3_000 - 108 + 1);
  assert.match(out, /h1,2026-01-02,"say ""1"", ü"/);
  assert.match(
    await done('sql', 'export', 'log', '--format', 'sql'),
    /CREATE TABLE commits[\s\S]*INSERT INTO "commits"/,
  );
  await done('sql', 'backup', 'log', at('log.sqlite'), '--node', '1');
  await done('sql', 'exec', 'log', 'DROP TABLE commits');
  await done('sql', 'restore', 'log', at('log.sqlite'), '--confirm', 'log', '--node', '1');
  assert.deepEqual(await db.query('SELECT count(*) AS n FROM commits'), [{ n: 2_892 }]);
  const damaged = await dev.p2pctl('sql', 'restore', 'log', at('commits.csv'), '--confirm', 'log');
  assert.match(damaged.stderr, /SQL_REFUSED/);
});

test('a transaction of several calls through another node; hostile requests are refused and harm nobody', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  await using one = dev.client(0);
  await using two = dev.client(1);
  await one.sql.create('stock');
  const [db, far] = [one.sql('stock'), two.sql('stock')];
  await db.execute('CREATE TABLE stock (id INTEGER PRIMARY KEY, n INTEGER)');
  await db.execute('INSERT INTO stock VALUES (1, 10)');
  await Promise.all(
    [far, db, far, db].map(async (client) => {
      await using transaction = await client.begin();
      const [row] = await transaction.query(sql`SELECT n FROM stock WHERE id = ${1}`);
      await transaction.execute(sql`UPDATE stock SET n = ${Number(row?.['n']) - 1} WHERE id = 1`);
      await transaction.commit();
    }),
  );
  assert.deepEqual(await far.query('SELECT n FROM stock'), [{ n: 6 }], 'no update was lost');
  {
    await using transaction = await far.begin();
    await transaction.execute('DELETE FROM stock');
  }
  assert.deepEqual(await db.query('SELECT n FROM stock'), [{ n: 6 }], 'what was not committed is undone');

  const code = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error) => error.code,
    );
  assert.equal(await code(far.query("ATTACH 'x.db' AS x")), 'SQL_REFUSED');
  assert.equal(await code(far.execute("VACUUM INTO '/tmp/x'")), 'SQL_REFUSED');
  assert.equal(await code(far.execute('PRAGMA journal_mode = DELETE')), 'SQL_REFUSED');
  assert.equal(await code(far.query("SELECT load_extension('x')")), 'SQL_REFUSED');
  assert.equal(await code(far.query('SELECT 1; DROP TABLE stock')), 'SQL_REFUSED');
  assert.equal(await code(far.query('DELETE FROM stock')), 'SQL_READ_ONLY');
  assert.equal(await code(far.query('SELECT ?', [])), 'SQL_PARAMS_INVALID');
  const rows =
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 2000000) SELECT x, printf('%0100d', x) FROM c";
  assert.equal(await code(far.query(rows)), 'SQL_TOO_LARGE');
  assert.equal(await code(far.query("SELECT printf('%.*c', 900000000, 'x')")), 'SQL_TOO_LARGE');
  const endless = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';
  const [ended, still] = await Promise.all([
    code(far.query(endless, [], { timeoutMs: 25_000 })),
    code(db.query('SELECT 1')),
  ]);
  assert.deepEqual([ended, still], ['SQL_TIMEOUT', 'done']);
  const { http } = dev.node(1);
  const raw = async (body: BodyInit) => {
    const headers = { authorization: `Bearer ${dev.token(1)}`, 'content-type': 'application/json' };
    const answer = await fetch(`${http}/v1/sql/stock/query`, { method: 'POST', headers, body });
    return [answer.status, answer.headers.get('x-p2pos-error')];
  };
  assert.deepEqual(await raw('{"sql":'), [400, 'BAD_REQUEST']);
  assert.deepEqual(await raw('{"sql":"SELECT \'\\ud800\'"}'), [400, 'SQL_REFUSED']);
  assert.deepEqual(await raw('{"sql":"SELECT ?","params":["\\ud800"]}'), [400, 'BAD_REQUEST']);
  assert.deepEqual(await raw(Uint8Array.from([123, 34, 0xff, 0xfe, 34, 125])), [400, 'BAD_REQUEST']);
  assert.deepEqual(await raw('{"sql":"SELECT ?","params":[{"$int":"99999999999999999999"}]}'), [
    400,
    'BAD_REQUEST',
  ]);
  assert.deepEqual(await raw(JSON.stringify({ sql: `SELECT '${'x'.repeat(2_000_000)}'` })), [
    400,
    'BAD_REQUEST',
  ]);
  assert.deepEqual(await far.query('SELECT n FROM stock'), [{ n: 6 }]);
});
