/** SQL between real processes, engine rqlite: voters on three of five nodes, any of which may be killed. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Client, connect, type SqlDatabaseClient } from '@p2pos/sdk';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { type DevSystem, startDev } from '../harness.ts';

async function leaderOf(dev: DevSystem, db: SqlDatabaseClient): Promise<number> {
  return eventually(
    async () => {
      const { holders } = await db.status();
      const leader = holders.find(({ role }) => role === 'leader');
      return dev.nodes().findIndex(({ peerId }) => peerId === leader?.peerId) + 1;
    },
    { timeoutMs: 20_000 },
  ).then((found) => Number(found) - 1);
}

test('kill -9 of the node with the leader: writes go on from any node, and nothing acknowledged is lost or done twice', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 5 });
  const clientOf = await createApp(dev);
  await using client = clientOf();
  const made = await client.sql.create('ledger', { engine: 'rqlite', voters: 3 });
  assert.equal(made.holders.length, 3);
  const db = client.sql('ledger');
  await db.execute('CREATE TABLE entries (id INTEGER PRIMARY KEY, who INTEGER, n INTEGER)');
  const acknowledged: string[] = [];
  const end = new AbortController();
  const writers = [0, 1, 2, 3].map(async (who) => {
    await using own = clientOf(who);
    for (let n = 0; !end.signal.aborted; n++) {
      const idempotencyKey = `${who}-${n}`;
      for (let done = false; !done && !end.signal.aborted; ) {
        done = await own
          .sql('ledger')
          .execute('INSERT INTO entries (who, n) VALUES (?, ?)', [who, n], {
            idempotencyKey,
            timeoutMs: 20_000,
          })
          .then(
            () => acknowledged.push(idempotencyKey) > 0,
            () => false,
          );
      }
    }
  });
  const pause = () => eventually(async () => acknowledged.length > target, { timeoutMs: 30_000 });
  let target = 200;
  await pause();
  for (let round = 0; round < 2; round++) {
    const leader = await leaderOf(dev, db);
    dev.kill(leader);
    target = acknowledged.length + 200;
    await pause();
  }
  end.abort();
  await Promise.all(writers);
  const rows = await db.query('SELECT who, n, count(*) AS times FROM entries GROUP BY who, n', [], {
    consistency: 'linearizable',
  });
  const found = new Set(rows.map(({ who, n }) => `${who}-${n}`));
  assert.deepEqual(
    acknowledged.filter((key) => !found.has(key)),
    [],
    'lost',
  );
  assert.deepEqual(
    rows.filter(({ times }) => times !== 1),
    [],
    'done twice',
  );
});

/** A client of an app, with a token that all nodes know: it goes to another node when one is gone. */
async function createApp(dev: DevSystem): Promise<(first?: number) => Client> {
  await using operator = dev.client(0);
  await operator.apps.put('shop');
  const { token } = await operator.apps.tokens.create('shop', { grants: ['sql:*'] });
  return (first = 0) => {
    const urls = dev.nodes().map(({ http }) => http);
    return connect({ url: [...urls.slice(first), ...urls.slice(0, first)], token });
  };
}

async function setSql(dev: DevSystem, lines: readonly string[]): Promise<void> {
  for (const { home } of dev.nodes()) {
    const file = join(home, 'node.toml');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('[sql]\n', `[sql]\n${lines.join('\n')}\n`));
  }
  await dev.end();
  await dev.start();
}

test('T19: a voter that is gone for good is replaced without a command; a majority that is gone, with one', {
  timeout: 240_000,
}, async () => {
  await using dev = await startDev({ nodes: 4 });
  await setSql(dev, ['replace_after = "3s"']);
  const clientOf = await createApp(dev);
  await using client = clientOf();
  const { holders } = await client.sql.create('ledger', { engine: 'rqlite', voters: 3 });
  const db = client.sql('ledger');
  await db.execute('CREATE TABLE t (a INTEGER PRIMARY KEY)');
  for (let i = 0; i < 20; i++) await db.execute('INSERT INTO t VALUES (?)', [i]);
  const at = (peerId: string | undefined) => dev.nodes().findIndex((node) => node.peerId === peerId);
  const wellVoters = async () => {
    const status = await db.status();
    return status.holders.filter(
      ({ role, index }) => (role === 'leader' || role === 'follower') && index !== null,
    );
  };
  const whole = () => eventually(async () => (await wellVoters()).length === 3, { timeoutMs: 60_000 });

  // Its disk is gone while it is down: the fourth node takes its place, or it does itself, empty.
  const lost = at(holders[1]);
  assert.equal((await dev.p2pctl('dev', 'stop', `node${lost}`)).code, 0);
  await rm(join(dev.node(lost).home, 'data', 'sql'), { recursive: true });
  await eventually(async () => !(await db.status()).database.holders.includes(holders[1] ?? ''), {
    timeoutMs: 60_000,
  });
  await whole();
  assert.deepEqual(await db.query('SELECT count(*) AS n FROM t'), [{ n: 20 }]);
  await dev.p2pctl('dev', 'start', `node${lost}`);

  // Two of three at once, for good.
  await assert.rejects(db.recover('ledger'), { code: 'SQL_UNSUPPORTED' });
  const now = (await db.status()).database.holders;
  const survivor = now.find((peerId) => at(peerId) !== lost);
  const dead = now.filter((peerId) => peerId !== survivor).map(at);
  // The catalogue's own majority stays: what is ended are the engines.
  const folders = await Promise.all(
    dead.map(async (index) => {
      const folder = join(dev.node(index).home, 'data', 'sql');
      const ids = await readdir(folder);
      return ids.filter((name) => name.length === 32).map((id) => join(folder, id));
    }),
  );
  await Promise.all(dead.map((index) => dev.p2pctl('dev', 'stop', `node${index}`)));
  for (const folder of folders.flat()) await rm(folder, { recursive: true });
  for (const index of dead) await dev.p2pctl('dev', 'start', `node${index}`);
  const refused = await db
    .execute('INSERT INTO t VALUES (100)', [], { timeoutMs: 4_000 })
    .catch((error) => error);
  assert.ok(
    ['SQL_NO_LEADER', 'SQL_HOLDER_UNREACHABLE', 'SQL_CORRUPT', 'TIMEOUT', 'SQL_ENGINE_FAILED'].includes(
      refused.code,
    ),
    String(refused),
  );
  await eventually(
    async () => {
      const error = await db.recover().catch((reason) => reason);
      return error.code === 'SQL_RECOVER_RISK' && error;
    },
    { timeoutMs: 20_000 },
  );
  await db.recover('ledger');
  await whole();
  assert.deepEqual(
    await db.query('SELECT count(*) AS n FROM t WHERE a < 20', [], { consistency: 'linearizable' }),
    [{ n: 20 }],
  );
  await db.execute('INSERT INTO t VALUES (101)');
});
