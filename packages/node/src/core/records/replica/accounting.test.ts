/** Bytes accounted are those on the disk. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { createTempFolder } from '../../../testing/temp-folder.ts';
import { createTestbed } from '../testing/testbed.ts';
import { accountDisk } from './accounting.ts';

const sum = (list: readonly { readonly bytes: number }[]) => list.reduce((all, { bytes }) => all + bytes, 0);

test('what is accounted is the file, within 1 %, and namespaces have their share', async () => {
  await using folder = await createTempFolder();
  const file = join(folder.path, 'disk');
  await using bed = await createTestbed({
    nodes: 3,
    declare: false,
    diskFile: (i) => (i === 0 ? file : ':memory:'),
  });
  for (const { records } of bed.nodes())
    records.declare({ suffix: '', kind: 'lww', author: 'member', replicas: 3, maxValueBytes: 65_536 });
  const utf8 = new TextEncoder();
  const put = (namespace: string, key: string, bytes: number) =>
    bed.node(0).records.put({
      namespace,
      partition: utf8.encode(key),
      key: utf8.encode(key),
      value: new Uint8Array(bytes),
    });
  const work: Promise<unknown>[] = [];
  for (let i = 0; i < 600; i++) work.push(put('big/kv', `key${i}`, 3_000), put('small/kv', `key${i}`, 30));
  await bed.run(Promise.all(work));
  const account = await accountDisk(bed.node(0).store);
  // What waits in the journal is moved to its place, as it is when a node ends.
  const own = new DatabaseSync(file);
  own.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  own.close();
  assert.equal(statSync(`${file}-wal`).size, 0);
  const onDisk = statSync(file).size;
  const accounted = sum(account.namespaces) + account.otherBytes + account.freeBytes;
  const off = Math.abs(accounted - onDisk) / onDisk;
  assert.ok(off < 0.01, `${accounted} accounted, ${onDisk} on the disk`);
  assert.equal(account.totalBytes, onDisk);
  const [big, small] = account.namespaces;
  assert.equal(big?.namespace, 'big/kv');
  assert.ok(big.bytes > 600 * 3_000 && big.bytes < 600 * 9_000);
  assert.ok(small && small.bytes > 600 * 30 && small.bytes < 600 * 1_500);
});
