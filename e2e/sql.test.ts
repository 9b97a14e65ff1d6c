/** SQL between real processes, engine sqlite: one node holds it, every node answers for it. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { sql } from '@p2pos/sdk';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { startDev } from './harness.ts';

test('a database made through one node is asked and changed through every other, and outlives its node', {
  timeout: 120_000,
}, async () => {
  await using dev = await startDev({ nodes: 3 });
  const clients = [0, 1, 2].map((index) => dev.client(index));
  const [one, two, three] = clients.map((client) => client.sql('shop'));
  assert.ok(one && two && three && clients[0]);
  assert.equal((await clients[0].sql.create('shop')).created, true);
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
  const other = clients[(holder + 1) % 3]?.sql('shop');
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

test('T18: a second creation of one name changes nothing, whoever asks', { timeout: 120_000 }, async () => {
  await using dev = await startDev({ nodes: 3 });
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

test('p2pctl makes, fills, asks and drops a database', { timeout: 120_000 }, async () => {
  await using dev = await startDev({ nodes: 2 });
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
  timeout: 120_000,
}, async () => {
  await using dev = await startDev({ nodes: 2 });
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
