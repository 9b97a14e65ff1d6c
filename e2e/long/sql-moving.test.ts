/** A database changed while it is written: to the other engine and back, readers and voters added, backups by itself. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Client, connect } from '@p2pos/sdk';
import { faultsOf, type HistoryWrite } from '../../packages/node/src/services/sql/testing/history.ts';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { startDev } from '../harness.ts';

async function writing(client: Client, work: () => Promise<void>) {
  const end = new AbortController();
  const writes: HistoryWrite[] = [];
  const db = client.sql('ledger');
  const writers = [0, 1, 2, 3].map(async (who) => {
    for (let n = 0; !end.signal.aborted; n++) {
      const id = `${who}-${n}`;
      const startedAt = performance.now();
      for (let acknowledgedAt: number | undefined; acknowledgedAt === undefined; ) {
        const insert = db.execute('INSERT INTO entries (id) VALUES (?)', [id], { idempotencyKey: id });
        acknowledgedAt = await insert.then(
          () => performance.now(),
          () => undefined,
        );
        if (acknowledgedAt !== undefined || end.signal.aborted) {
          writes.push({ id, startedAt, ...(acknowledgedAt !== undefined && { acknowledgedAt }) });
          break;
        }
      }
    }
  });
  await work();
  end.abort();
  await Promise.all(writers);
  const found = await db.query('SELECT id, count(*) AS times FROM entries GROUP BY id', [], {
    consistency: 'linearizable',
  });
  const rows = new Map(found.map(({ id, times }) => [String(id), Number(times)]));
  const faults = faultsOf({ writes, reads: [], rows });
  assert.deepEqual(faults, { lost: [], twice: [], invented: [], stale: [], early: [] });
  return writes.length;
}

test('a database moves to the other engine and back while it is written: nothing is lost, nothing done twice', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 4 });
  await using client = dev.client(0);
  await using other = connect({ url: dev.node(3).http, token: dev.token(3) });
  await client.sql.create('ledger');
  const db = client.sql('ledger');
  await db.execute('CREATE TABLE entries (seq INTEGER PRIMARY KEY, id TEXT NOT NULL)');
  const count = await writing(other, async () => {
    const there = await db.move({ engine: 'rqlite', voters: 3 });
    assert.deepEqual([there.engine, there.moved, there.holders.length], ['rqlite', true, 3]);
    await db.execute("INSERT INTO entries (id) VALUES ('apart')");
    await db.execute("DELETE FROM entries WHERE id = 'apart'");
    const back = await dev.p2pctl('sql', 'engine', 'ledger', 'sqlite');
    assert.equal(back.code, 0, back.stderr);
    assert.match(back.stdout, /ledger: sqlite/);
  });
  assert.ok(count > 0);
  assert.equal((await db.status()).database.engine, 'sqlite');
  assert.equal((await db.move({ engine: 'sqlite' })).moved, false);

  // What cannot be had is refused, and all is as before.
  await db.execute('CREATE TABLE diary (at TEXT DEFAULT CURRENT_TIMESTAMP)');
  await assert.rejects(db.move({ engine: 'rqlite' }), { code: 'SQL_UNSUPPORTED', message: /diary/ });
  await db.execute('INSERT INTO diary DEFAULT VALUES');
  await db.execute('DROP TABLE diary');
  await assert.rejects(db.move({ engine: 'rqlite', voters: 5 }), { code: 'SQL_NOT_ENOUGH_NODES' });
  await db.execute("INSERT INTO entries (id) VALUES ('after')");
  await assert.rejects(db.adjust({ readers: 1 }), { code: 'SQL_UNSUPPORTED' });
});

test('a reader has everything and no vote; voters are added and removed; backups are made by the database itself', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 5 });
  await using client = dev.client(0);
  const { holders } = await client.sql.create('ledger', { engine: 'rqlite', voters: 3 });
  const db = client.sql('ledger');
  await db.execute('CREATE TABLE entries (seq INTEGER PRIMARY KEY, id TEXT NOT NULL)');
  const set = await dev.p2pctl(
    ...['sql', 'settings', 'ledger', '--readers', '1', '--backup-every', '1h', '--backup-keep', '2'],
  );
  assert.equal(set.code, 0, set.stderr);
  const roles = async () => (await db.status()).holders.map(({ role }) => role).sort();
  const become = (wanted: readonly string[]) =>
    eventually(async () => assert.deepEqual(await roles(), wanted), { timeoutMs: 60_000 });
  await become(['follower', 'follower', 'leader', 'reader']);
  const reader = (await db.status()).holders.find(({ role }) => role === 'reader')?.peerId ?? '';
  assert.ok(!holders.includes(reader));
  await db.execute("INSERT INTO entries (id) VALUES ('one')");
  await using near = dev.client(dev.nodes().findIndex(({ peerId }) => peerId === reader));
  const own = near.sql('ledger');
  await eventually(async () => {
    const rows = await own.query('SELECT id FROM entries', [], { consistency: 'none' });
    assert.deepEqual(rows, [{ id: 'one' }]);
  });
  await own.execute("INSERT INTO entries (id) VALUES ('two')");

  const kept = await eventually(
    async () => {
      const found = (await db.status()).holders.find(({ backups }) => backups !== undefined);
      return found ?? false;
    },
    { timeoutMs: 40_000 },
  );
  const { home } = dev.nodes().find(({ peerId }) => kept && peerId === kept.peerId) as { home: string };
  const folder = join(home, 'data', 'sql', 'backups', 'default', 'ledger');
  const [file = ''] = await readdir(folder);
  await db.execute('DELETE FROM entries');
  await db.restore(await readFile(join(folder, file)), 'ledger');
  assert.ok((await db.query('SELECT count(*) AS n FROM entries')).length === 1);

  await db.adjust({ readers: 0, backup: null });
  await become(['follower', 'follower', 'leader']);
  await db.adjust({ voters: 5 });
  await become(['follower', 'follower', 'follower', 'follower', 'leader']);
  await db.adjust({ voters: 3 });
  await become(['follower', 'follower', 'leader']);
  await db.execute("INSERT INTO entries (id) VALUES ('three')");
});
