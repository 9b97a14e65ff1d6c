/** Both stores that run without a browser keep the same promises. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createMemoryStore, type Store } from '../chat/store.ts';
import { openDiskStore } from './disk-store.ts';

async function check(store: Store): Promise<void> {
  const value = { bytes: Uint8Array.of(1, 2), map: new Map([['a', 1]]), none: undefined };
  await store.write([
    ['b/2', value],
    ['b/1', 'first'],
    ['c', 3],
    ['b%', 0],
  ]);
  assert.deepEqual(await store.get('b/2'), value);
  assert.deepEqual(
    (await store.list('b/')).map(([key]) => key),
    ['b/1', 'b/2'],
  );
  assert.equal(await store.get('d'), undefined);
  const impossible = [
    ['c', 4],
    ['d', () => {}],
  ] as const;
  await assert.rejects(async () => store.write(impossible));
  assert.equal(await store.get('c'), 3);
  await store.write([['c', undefined]]);
  assert.equal(await store.get('c'), undefined);
}

test('a store in memory keeps all of a write or nothing', () => check(createMemoryStore()));

test('a store on disk keeps all of a write or nothing, for its owner alone, over restarts', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'anchat-'));
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
  const file = join(folder, 'anchat.sqlite');
  {
    using store = openDiskStore(file);
    await check(store);
    // Two processes would use one key twice.
    assert.throws(() => openDiskStore(file), /locked/);
  }
  assert.equal(statSync(file).mode & 0o777, 0o600);
  using store = openDiskStore(file);
  assert.equal(await store.get('b/1'), 'first');
});
