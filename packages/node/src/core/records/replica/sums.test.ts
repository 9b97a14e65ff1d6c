/** What is asked of all rows every few seconds or minutes reads few of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion, peerIdFromPublicKey } from '@p2pos/protocol';
import fc from 'fast-check';
import { instantCrypto as crypto } from '../../../testing/instant-crypto.ts';
import { createMemoryStore } from '../../../testing/memory-store.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import type { Row, Store } from '../../store/index.ts';
import { leafHash } from '../format/merkle.ts';
import { encodeHeader } from '../format/record.ts';
import { tally } from '../repair/loss.ts';
import * as sql from './schema.ts';
import { openRecordTable } from './store.ts';
import type { CheckedRecord } from './stored.ts';

const AUTHOR = peerIdFromPublicKey(new Uint8Array(32).fill(1));
const SLOTS = [0, 1];

/** What one look at every row says. */
const RECKONED = `SELECT namespace, 
  sum(length(key) + CASE WHEN tombstone OR value IS NULL THEN 64 ELSE length(value) END) AS bytes,
  sum(2 * length(namespace) + 2 * length(key) + 2 * length(partition) + length(version) + 2 * length(leaf)
  + length(header) + coalesce(length(value), 0) + length(proof) + 48) AS space FROM records GROUP BY namespace ORDER BY 1`;
const KEPT = 'SELECT namespace, bytes, space FROM records_sizes WHERE space > 0 ORDER BY 1';
const DEAD = `SELECT leaf FROM records WHERE (tombstone = 1 AND (expires_at IS NULL OR expires_at < ?1) AND version < ?2)
  OR (value IS NULL AND expires_at < ?1) ORDER BY leaf`;
const ALIVE = 'SELECT slot, count(*) AS n FROM records WHERE replicas = 3 AND tombstone = 0 GROUP BY slot';

interface Sketch {
  readonly app: string;
  readonly key: string;
  readonly ms: number;
  readonly size: number | undefined;
  readonly expiresAt: number | undefined;
  readonly register: boolean;
}

function record({ app, key, ms, size, expiresAt, register }: Sketch): CheckedRecord {
  // A register that was deleted has bytes nevertheless.
  const value = size === undefined ? (register ? new Uint8Array(3) : null) : new Uint8Array(size);
  const name = new TextEncoder().encode(key);
  const fields = {
    namespace: `${app}/${register ? 'cas' : 'kv'}`,
    partition: name,
    key: name,
    version: formatVersion({ ms, counter: 0, author: AUTHOR }),
    expiresAt,
    value: value ? { hash: crypto.sha256(value), bytes: value.length } : undefined,
  };
  const header = encodeHeader(fields);
  return {
    ...{ fields, header, value, proof: new Uint8Array(40), leaf: leafHash(crypto, header) },
    ...{ slot: key.length % 2, count: 3 },
    ...(register && { register: { deleted: size === undefined } }),
  };
}

const sketch = fc.record({
  app: fc.constantFrom('one', 'two'),
  key: fc.constantFrom('a', 'b', 'cc', 'dd'),
  ms: fc.integer({ min: 1, max: 9 }),
  size: fc.option(fc.integer({ min: 0, max: 2_000 }), { nil: undefined }),
  expiresAt: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  register: fc.boolean(),
});
const step = fc.oneof(
  { weight: 8, arbitrary: sketch },
  fc.constant('expire' as const),
  fc.constant('drop' as const),
);

async function check(store: Store, table: Awaited<ReturnType<typeof openRecordTable>>): Promise<void> {
  const reckoned = await store.read<Row & { namespace: string; bytes: number }>(RECKONED);
  assert.deepEqual(await store.read(KEPT), reckoned);
  for (const app of ['one', 'two'])
    assert.equal(
      await table.appBytes(app),
      reckoned.reduce((sum, { namespace, bytes }) => sum + (namespace.startsWith(`${app}/`) ? bytes : 0), 0),
    );
  const alive = new Map(
    (await store.read<{ slot: number; n: number }>(ALIVE)).map(({ slot, n }) => [slot, n]),
  );
  assert.deepEqual(
    await tally(store, 3, SLOTS),
    SLOTS.map((slot) => alive.get(slot) ?? 0),
  );
  const hex = (rows: readonly Row[]) =>
    rows.map(({ leaf }) => Buffer.from(leaf as Uint8Array).toString('hex')).sort();
  const limit = (10).toString(16).padStart(12, '0');
  assert.deepEqual(
    hex(await store.read(sql.SELECT_GRAVES, [5, limit, 100, 0])),
    hex(await store.read(DEAD, [5, limit])),
  );
}

test('sums, graves and what is alive in a slot are those of the rows, also of a store made before they were kept', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.array(sketch), async (steps, before) => {
      await using store = createMemoryStore(createSeededRandom('sums'));
      await store.migrate('records', sql.MIGRATIONS.slice(0, 4));
      for (const one of before) {
        const { fields, leaf, slot, header, value, proof } = record(one);
        const params = [
          fields.namespace,
          fields.key,
          slot,
          fields.version,
          leaf,
          value ? 0 : 1,
          header,
          value,
          proof,
        ];
        const insert = `INSERT OR REPLACE INTO records (namespace, key, partition, replicas, slot, version, leaf, tombstone, header, value, proof)
          VALUES (?, ?, x'', 3, ?, ?, ?, ?, ?, ?, ?)`;
        await store.write([{ sql: insert, params }]);
      }
      const table = await openRecordTable({ store, crypto });
      await check(store, table);
      for (const one of steps) {
        if (one === 'expire') await table.dropValues(await table.expired(5, undefined, 3), 5);
        else if (one === 'drop')
          await store.write([{ sql: 'DELETE FROM records WHERE id = (SELECT min(id) FROM records)' }]);
        else await table.accept([record(one)], 5);
        await check(store, table);
      }
    }),
    { numRuns: 60 },
  );
});

test('none of them walks through the rows', async () => {
  await using store = createMemoryStore(createSeededRandom('plans'));
  await openRecordTable({ store, crypto });
  const plan = async (text: string, params: readonly (string | number)[]) =>
    (await store.read<{ detail: string }>(`EXPLAIN QUERY PLAN ${text}`, params)).map(({ detail }) => detail);
  const read: string[] = [
    ...(await plan(sql.SELECT_GRAVES, [1, '0', 1, 0])),
    ...(await plan(sql.SUM_BYTES, ['a/', 'a0'])),
    ...(await plan(sql.SELECT_SPACES, [])),
    ...(await plan(sql.COUNT_BY_SLOT, [3])),
  ].filter((line) => /\brecords(_sizes)?\b/.test(line));
  assert.deepEqual(read, [
    'SEARCH records USING INDEX records_graves (version<?)',
    'SEARCH records USING INDEX records_let_go (expires_at<?)',
    'SEARCH records_sizes USING PRIMARY KEY (namespace>? AND namespace<?)',
    'SCAN records_sizes',
    'SEARCH records USING COVERING INDEX records_by_slot (replicas=?)',
    'SCAN records USING COVERING INDEX records_graves',
  ]);
});
