import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createTempFolder } from '../../testing/temp-folder.ts';
import { silentLogger } from '../log/index.ts';
import { createSystemRandom } from '../random/index.ts';
import { openStore } from './index.ts';

const open = (folder: string) => openStore({ random: createSystemRandom(), log: silentLogger }, { folder });
const TABLE = 'CREATE TABLE t (k TEXT PRIMARY KEY, v BLOB NOT NULL)';

async function makeStore(folder: string): Promise<string> {
  await using store = await open(folder);
  await store.migrate('t', [TABLE]);
  const row = (i: number) => ({
    sql: 'INSERT INTO t VALUES (?, ?)',
    params: [`k${i}`, new Uint8Array(1_000)],
  });
  await store.write(Array.from({ length: 100 }, (_, i) => row(i)));
  return join(folder, 'store.sqlite');
}

const damages: Record<string, (file: string) => Promise<unknown>> = {
  'an emptied file': (file) => truncate(file, 0),
  'a truncated file': (file) => truncate(file, 20_000),
  'a file cut in its first page': (file) => truncate(file, 1_000),
  'a file of something else': (file) => writeFile(file, 'hello '.repeat(10_000)),
  'a file lost beside its journal': async (file) => {
    await rename(file, `${file}-wal`);
  },
  "another program's database": async (file) => {
    await rm(file);
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE x (a)');
    other.close();
  },
};

for (const [what, damage] of Object.entries(damages)) {
  test(`${what} is STORE_CORRUPT, names the file and is left as it is`, async () => {
    await using folder = await createTempFolder();
    const file = await makeStore(folder.path);
    await damage(file);
    const bytes = await readFile(file).catch(() => undefined);
    await assert.rejects(open(folder.path), (error) => {
      assert.ok(isP2posError(error, 'STORE_CORRUPT'), String(error));
      assert.ok(error.message.includes(file));
      return true;
    });
    assert.deepEqual(await readFile(file).catch(() => undefined), bytes);
  });
}

test('a page that rots later fails the reads that need it, and only those', async () => {
  await using folder = await createTempFolder();
  const file = await makeStore(folder.path);
  const bytes = await readFile(file);
  bytes.fill(0xff, bytes.length - 8_192, bytes.length - 4_096);
  await writeFile(file, bytes);
  await using store = await open(folder.path);
  await assert.rejects(store.read('SELECT * FROM t'), (error) => isP2posError(error, 'STORE_CORRUPT'));
  await store.migrate('u', ['CREATE TABLE u (a)']);
  await store.write([{ sql: 'INSERT INTO u VALUES (1)' }]);
  assert.deepEqual(await store.read('SELECT a FROM u'), [{ a: 1 }]);
});

const CHILD = `
  const { openStore } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
  const log = { error() {} };
  const random = { bytes: (length) => new Uint8Array(length).fill(7) };
  const store = await openStore({ random, log }, { folder: process.argv[1] });
  await store.migrate('t', [${JSON.stringify(TABLE)}]);
  process.stdout.write('open\\n');
  const writeNext = async (lane) => {
    for (let i = 0; i < Number(process.argv[2]); i++) {
      await store.write([{ sql: 'INSERT INTO t VALUES (?, ?)', params: [lane + '-' + i, new Uint8Array(500)] }]);
      process.stdout.write(lane + '-' + i + '\\n');
    }
  };
  await Promise.all(['a', 'b', 'c', 'd'].map(writeNext));
  await store[Symbol.asyncDispose]();
`;

function spawnWriter(folder: string, writes: number, command: readonly string[] = []) {
  const [program = process.execPath, ...args] = [...command, process.execPath];
  const options = ['--input-type=module', '--eval', CHILD, folder, String(writes)];
  return spawn(program, [...args, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
}

test('a home held by a living process is HOME_IN_USE with its pid; kill -9 frees it and loses nothing acknowledged', async () => {
  await using folder = await createTempFolder();
  const child = spawnWriter(folder.path, 1_000_000);
  const acknowledged: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    if (line === 'open') {
      await assert.rejects(open(folder.path), (error) => {
        assert.ok(isP2posError(error, 'HOME_IN_USE'));
        assert.equal(error.details['pid'], child.pid);
        return true;
      });
    } else if (acknowledged.push(line) === 500) child.kill('SIGKILL');
  }
  await using store = await open(folder.path);
  const rows = await store.read<{ k: string }>('SELECT k FROM t');
  const kept = new Set(rows.map(({ k }) => k));
  assert.deepEqual(
    acknowledged.filter((key) => !kept.has(key)),
    [],
  );
});

test('a store holds its folder against a second one in the same process', async () => {
  await using folder = await createTempFolder();
  await using first = await open(folder.path);
  await assert.rejects(open(folder.path), (error) => isP2posError(error, 'HOME_IN_USE'));
  assert.deepEqual(await first.read('SELECT 1 AS one'), [{ one: 1 }]);
});

test('every acknowledged commit was synced to the disk', async (t) => {
  if (!(await canTrace())) return t.skip('needs strace and the right to use it');
  await using folder = await createTempFolder();
  const trace = join(folder.path, 'trace');
  const strace = ['strace', '-f', '-e', 'trace=fsync,fdatasync,write', '-o', trace];
  const child = spawnWriter(join(folder.path, 'data'), 25, strace);
  await Array.fromAsync(createInterface(child.stdout));
  let syncs = 0;
  let acknowledged = 0;
  for (const call of (await readFile(trace, 'utf8')).split('\n')) {
    if (/ (fsync|fdatasync)\(/.test(call)) syncs++;
    if (call.includes('write(1, "open')) syncs = 0;
    if (!/ write\(1, "[abcd]-/.test(call)) continue;
    acknowledged++;
    // Four writers share a commit, so a sync stands for at most four answers.
    assert.ok(acknowledged <= syncs * 4, `answer ${acknowledged} after ${syncs} syncs`);
  }
  assert.equal(acknowledged, 100);
});

async function canTrace(): Promise<boolean> {
  const child = spawn('strace', ['-f', '-o', '/dev/null', 'true'], { stdio: 'ignore' });
  const [status] = await Promise.race([once(child, 'exit'), once(child, 'error').then(() => [1])]);
  return status === 0;
}

test('the lock leaves no claim behind after an orderly end', async () => {
  await using folder = await createTempFolder();
  await makeStore(folder.path);
  await assert.rejects(access(join(folder.path, 'store.pid')));
});
