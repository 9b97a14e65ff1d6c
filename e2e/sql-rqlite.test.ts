/** SQL between real processes, engine rqlite: voters on three of five nodes, any of which may be killed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SqlDatabaseClient } from '@p2pos/sdk';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { type DevSystem, startDev } from './harness.ts';

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
  timeout: 180_000,
}, async () => {
  await using dev = await startDev({ nodes: 5 });
  await using client = dev.client(0, 1, 2, 3, 4);
  const made = await client.sql.create('ledger', { engine: 'rqlite', voters: 3 });
  assert.equal(made.holders.length, 3);
  const db = client.sql('ledger');
  await db.execute('CREATE TABLE entries (id INTEGER PRIMARY KEY, who INTEGER, n INTEGER)');
  const acknowledged: string[] = [];
  const end = new AbortController();
  const writers = [0, 1, 2, 3].map(async (who) => {
    await using own = dev.client(...[0, 1, 2, 3, 4].map((i) => (i + who) % 5));
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
