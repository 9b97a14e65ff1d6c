import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createSystemClock } from '../../core/clock/index.ts';
import { silentLogger } from '../../core/log/index.ts';
import { createTempFolder } from '../../testing/temp-folder.ts';
import type { Rqlite } from './rqlite/opening.ts';
import { createShelf } from './shelf.ts';
import type { SqliteHost } from './sqlite/process.ts';

const sqlite: SqliteHost = {
  run: async () => ({ id: 0 }),
  [Symbol.asyncDispose]: async () => {},
};
let port = 5_000;
const rqlite = {
  host: '127.0.0.1',
  program: async () => ({}) as never,
  choosePorts: async () => ({ raft: port++, http: port++ }),
} as unknown as Rqlite;
const idOf = (index: number) => String(index).padStart(32, '0');

test('a node takes so many databases and no more, says which setting bounds them, and has room again when one goes', async () => {
  await using temp = await createTempFolder();
  const deps = { sqlite, rqlite, clock: createSystemClock(), log: silentLogger };
  await using shelf = createShelf(deps, { folder: temp.path, maxDatabases: 50 });
  const prepare = (index: number) =>
    shelf.prepare({
      app: 'default',
      name: `db${index}`,
      id: idOf(index),
      engine: index % 2 === 0 ? 'sqlite' : 'rqlite',
    });
  for (let index = 0; index < 50; index++) await prepare(index);
  await assert.rejects(prepare(50), (error) => {
    assert.ok(isP2posError(error, 'SQL_LIMIT'), String(error));
    assert.match(error.message, /50 databases on this node.*sql\.max_databases/);
    return true;
  });
  assert.deepEqual(await prepare(49), await prepare(49), 'one that is there already is no new one');
  await shelf.remove(idOf(0));
  await prepare(50);
  assert.equal((await shelf.manifests()).length, 50);
});
