/** What a move from one engine to another is made of: a wall against writes, and files of one that the other takes. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createSystemClock } from '../../core/clock/index.ts';
import { silentLogger } from '../../core/log/index.ts';
import { createTempFolder } from '../../testing/temp-folder.ts';
import { createBackups } from './backups.ts';
import type { Entry } from './catalogue.ts';
import { examine } from './statements/examination.ts';
import { knownEngines, openEngine } from './testing/engines.ts';

const coded = (code: string) => (error: unknown) => {
  assert.ok(isP2posError(error), String(error));
  assert.equal(error.code, code, error.message);
  return true;
};
const WITHIN = { timeoutMs: 8_000 };

for (const { name, kind, program } of await knownEngines()) {
  const open = () => openEngine(kind, program === undefined ? {} : { program });
  describe(`engine ${name}`, () => {
    it('refuses every write and commit behind its fence, goes on reading, and goes on writing when it falls', async () => {
      await using db = await open();
      const { engine } = db;
      await db.write(['CREATE TABLE t (a)', 'INSERT INTO t VALUES (1)'], 'before');
      await engine.interactive.begin('open', WITHIN);
      await engine.interactive.end('open', 'rollback', WITHIN);
      assert.equal(await engine.isFenced(WITHIN), false);
      await engine.fence(true, WITHIN);
      await engine.fence(true, WITHIN);
      assert.equal(await engine.isFenced(WITHIN), true);
      const all = await Promise.allSettled([1, 2, 3].map((a) => db.write([['INSERT INTO t VALUES (?)', a]])));
      for (const one of all) coded('SQL_MOVING')((one as PromiseRejectedResult).reason);
      assert.deepEqual(
        (await db.write(['CREATE TABLE t (a)', 'INSERT INTO t VALUES (1)'], 'before')).length,
        2,
        'what was done before is still answered',
      );
      const transaction = async () => {
        await engine.interactive.begin('late', WITHIN);
        const examined = examine('INSERT INTO t VALUES (9)');
        await engine.interactive.step('late', { examined, params: [] }, WITHIN);
        await engine.interactive.end('late', 'commit', WITHIN);
      };
      await assert.rejects(transaction(), coded('SQL_MOVING'));
      assert.deepEqual((await db.query('SELECT a FROM t')).rows, [[1]]);
      await engine.fence(false, WITHIN);
      await db.write(['INSERT INTO t VALUES (2)']);
      assert.deepEqual((await db.query('SELECT a FROM t')).rows, [[1], [2]]);
    });
  });
}

const cluster = (await knownEngines()).find(({ kind }) => kind === 'rqlite');

test('a file of either engine is taken by the other, with what is kept for repeats', {
  skip: !cluster,
}, async () => {
  await using file = await openEngine('sqlite');
  await using voters = await openEngine('rqlite');
  const insert = [['INSERT INTO t (a) VALUES (?)', 'x']] as const;
  const returning = [['INSERT INTO t (a) VALUES (?) RETURNING id', 'y']] as const;
  await file.write(['CREATE TABLE t (id INTEGER PRIMARY KEY, a, b BLOB)']);
  const first = await file.write(insert, 'one');
  await file.write(returning, 'two');
  await file.write([['INSERT INTO t (id, a, b) VALUES (?, ?, ?)', 2n ** 60n, 'a\0b', Uint8Array.of(0, 255)]]);
  const rows = (await file.query('SELECT * FROM t ORDER BY id')).rows;
  await file.engine.fence(true, WITHIN);
  await voters.engine.restore(await file.engine.backup(WITHIN), WITHIN);
  assert.equal(await voters.engine.isFenced(WITHIN), false);
  assert.deepEqual((await voters.query('SELECT * FROM t ORDER BY id')).rows, rows);
  assert.deepEqual(await voters.write(insert, 'one'), first);
  await assert.rejects(voters.write(returning, 'two'), coded('SQL_UNSUPPORTED'));
  await assert.rejects(
    voters.write([['INSERT INTO t (a) VALUES (?)', 'other']], 'one'),
    coded('IDEMPOTENCY_KEY_REUSED'),
  );
  const added = await voters.write([['INSERT INTO t (a) VALUES (?)', 'z']], 'three');
  await voters.engine.fence(true, WITHIN);
  await file.engine.restore(await voters.engine.backup(WITHIN), WITHIN);
  assert.deepEqual(await file.write(insert, 'one'), first);
  await assert.rejects(file.write(returning, 'two'), coded('SQL_UNSUPPORTED'));
  assert.deepEqual(await file.write([['INSERT INTO t (a) VALUES (?)', 'z']], 'three'), added);
  assert.equal((await file.query('SELECT count(*) FROM t')).rows[0]?.[0], 4);
  await assert.rejects(voters.engine.restore(new Uint8Array(5_000), WITHIN), coded('SQL_REFUSED'));
});

test('a table that fills itself with what differs on each voter stays where it is, and the answer says which', {
  skip: !cluster,
}, async () => {
  await using file = await openEngine('sqlite');
  await using voters = await openEngine('rqlite');
  await file.write(['CREATE TABLE diary (at TEXT DEFAULT CURRENT_TIMESTAMP, body)']);
  await assert.rejects(voters.engine.restore(await file.engine.backup(WITHIN), WITHIN), (error) => {
    assert.match(String(error), /diary uses CURRENT_TIMESTAMP/);
    return coded('SQL_UNSUPPORTED')(error);
  });
});

test('backups are made when they are due, and the oldest go', async () => {
  await using db = await openEngine('sqlite');
  await using temp = await createTempFolder();
  await db.write(['CREATE TABLE t (a)']);
  let now = Date.UTC(2026, 0, 1);
  const clock = { ...createSystemClock(), now: () => now };
  const backups = createBackups({ clock, log: silentLogger }, { folder: temp.path });
  const bare = {
    app: 'shop',
    name: 'ledger',
    id: '0'.repeat(32),
    engine: 'sqlite',
    holders: [],
    wanted: 1,
  } as const;
  const entry: Entry = { ...bare, holders: [], createdAt: 0, backup: { everyMs: 60_000, keep: 2 } };
  const { backup: _, ...without } = entry;
  await backups.makeDue(without, db.engine);
  assert.deepEqual(await backups.kept(entry), []);
  const made: number[] = [];
  for (const pass of [0, 30_000, 60_000, 61_000, 120_000]) {
    now = Date.UTC(2026, 0, 1) + pass;
    await backups.makeDue(entry, db.engine);
    made.push((await backups.kept(entry)).length);
  }
  assert.deepEqual(made, [1, 1, 2, 2, 2]);
  assert.deepEqual(
    await backups.kept(entry),
    [60_000, 120_000].map((pass) => Date.UTC(2026, 0, 1) + pass),
  );
});
