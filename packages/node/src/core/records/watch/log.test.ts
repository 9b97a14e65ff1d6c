import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '../../../testing/memory-store.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import * as sql from '../replica/schema.ts';
import type { RecordRow, StoredRecord } from '../replica/stored.ts';
import { createCommitLog } from './log.ts';

const ROWS = 300;
const range = { namespace: 'default/kv', prefix: new Uint8Array(0) };

async function logOf(valueBytes: number) {
  const random = createSeededRandom('log');
  const store = createMemoryStore(random);
  await store.migrate('records', sql.MIGRATIONS);
  const name = (i: number) => new TextEncoder().encode(`key${i}`);
  const empty = new Uint8Array(0);
  for (let i = 0; i < ROWS; i++) {
    const record = [random.bytes(32), 0, null, new Uint8Array(200), new Uint8Array(valueBytes)];
    const params = [range.namespace, name(i), empty, 3, 1, 'v', ...record, new Uint8Array(120), 0];
    await store.write([{ sql: sql.UPSERT, params }]);
  }
  const stored = ({ header, value, proof }: RecordRow) =>
    ({ record: { header, value, proof } }) as StoredRecord;
  return createCommitLog({ store, stored });
}

async function sizesOfPages(log: Awaited<ReturnType<typeof logOf>>) {
  const sizes: number[] = [];
  const positions: number[] = [];
  for (let position = 0; ; ) {
    const page = await log.page(range, position, 256);
    if (page.entries.length > 0) sizes.push(page.entries.length);
    positions.push(...page.entries.map((entry) => entry.position));
    position = page.position;
    if (!page.more) break;
  }
  assert.deepEqual(
    positions,
    Array.from({ length: ROWS }, (_, i) => i + 1),
  );
  return sizes;
}

test('the log of large records is read in pages of what one answer may hold, and nothing is left out', async () => {
  const sizes = await sizesOfPages(await logOf(65_536));
  assert.ok(Math.max(...sizes) <= 64 && sizes.length > 1);
});

test('small ones go as many to a page as are asked for', async () => {
  assert.deepEqual(await sizesOfPages(await logOf(10)), [256, ROWS - 256]);
});
