/** A bit that has flipped in the file itself: the indexes still say what the row said. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { createTempFolder } from '../../../testing/temp-folder.ts';
import { pass } from '../testing/strays.ts';
import { createTestbed, type Testbed } from '../testing/testbed.ts';

const HOUR_MS = 3_600_000;
const bytes = (text: string) => new TextEncoder().encode(text);

/** Of node 1, which starts again on it: in the row itself, not in the indexes. */
async function flip(
  bed: Testbed,
  folder: string,
  key: string,
  column: 'key' | 'slot' | 'leaf',
): Promise<void> {
  const [row] = await bed
    .node(1)
    .store.read<{ version: string }>('SELECT version FROM records WHERE key = ?', [bytes(key)]);
  await bed.crash(1);
  const file = join(folder, 'flipped');
  for (const end of ['', '-wal']) copyFileSync(join(folder, 'disk') + end, file + end);
  const db = new DatabaseSync(file);
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
  const whole = readFileSync(file);
  const name = Buffer.from(`default/kv${key}`);
  for (let at = whole.indexOf(name); at >= 0; at = whole.indexOf(name, at + 1)) {
    const end = at + name.length;
    const version = whole.indexOf(row?.version as string, end);
    if (version < end || version > end + 3) continue;
    const place = { key: end - 1, slot: version - 1, leaf: version + (row?.version.length as number) }[
      column
    ];
    whole[place] = (whole[place] as number) ^ 64;
    writeFileSync(file, whole);
    bed.replaceDisk(1, file);
    await bed.start(1);
    return;
  }
  throw new Error('no such row');
}

async function damaged(folder: string, column: 'key' | 'slot' | 'leaf', records: object, deleted = false) {
  const bed = await createTestbed({
    nodes: 3,
    slots: 256,
    records: { writeTimeoutMs: 1_000, readTimeoutMs: 1_000, ...records },
    diskFile: (i) => (i === 1 ? join(folder, 'disk') : ':memory:'),
  });
  for (let i = 0; i < 100; i++) await bed.put(0, `k${i}`, 'v');
  if (deleted) for (let i = 40; i < 60; i++) await bed.remove(0, `k${i}`);
  await bed.clock.advance(1_000);
  await flip(bed, folder, 'k50', column);
  await bed.clock.advance(5_000);
  return bed;
}

for (const column of ['key', 'slot', 'leaf'] as const) {
  test(`a bit that flipped in the row alone is found and mended: ${column}`, async () => {
    await using folder = await createTempFolder();
    await using bed = await damaged(folder.path, column, { scrubMs: HOUR_MS });
    const all = (i: number) =>
      bed.node(i).store.read('SELECT key, slot, leaf FROM records NOT INDEXED ORDER BY namespace, leaf');
    assert.notDeepEqual(await all(1), await all(0));
    await bed.clock.advance(3 * HOUR_MS);
    assert.deepEqual(await all(1), await all(0));
  });

  test(`a bit that flipped in the row alone fails no writes: ${column}`, async () => {
    await using folder = await createTempFolder();
    await using bed = await damaged(folder.path, column, {});
    const keys = Array.from({ length: 20 }, (_, i) => `k${i + 40}`);
    await bed.crash(2);
    const { records } = bed.node(0);
    const put = (key: string) =>
      records.put({ namespace: 'default/kv', key: bytes(key), partition: bytes(key), value: bytes('newer') });
    const done = await bed.run(Promise.allSettled(keys.map(put)));
    const failed = keys.filter((_, i) => done[i]?.status === 'rejected');
    assert.ok(failed.every((key) => key === 'k50'));
  });

  test(`a bit that flipped in the row of a deletion alone keeps no others: ${column}`, async () => {
    await using folder = await createTempFolder();
    await using bed = await damaged(folder.path, column, { keepDeletedMs: 600_000 }, true);
    await pass(bed, 3_000_000);
    const graves = (i: number) =>
      bed.node(i).store.read('SELECT key FROM records NOT INDEXED WHERE tombstone = 1');
    const left = [await graves(0), await graves(1), await graves(2)].map((rows) => rows.length);
    assert.ok((left[1] as number) <= 1);
  });
}
