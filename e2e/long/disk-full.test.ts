/**
 * A disk that is really full: three nodes on a small one of their own, in a mount namespace. New writes are refused with
 * STORE_FULL, nothing that was acknowledged is lost, reads go on, and when there is room again so do writes.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';
import { startDev } from '../harness.ts';

const MIB = 1_048_576;
const DISK_BYTES = 96 * MIB;
/** Left for the nodes when the rest of the disk is taken away. */
const ROOM_BYTES = 6 * MIB;
/** Set in the process that has the small disk. */
const disk = process.env['P2POS_TEST_SMALL_DISK'];

const MOUNT = `mount -t tmpfs -o size=${DISK_BYTES},mode=700 none "$P2POS_TEST_SMALL_DISK"`;
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', MOUNT], {
  env: { ...process.env, P2POS_TEST_SMALL_DISK: '/mnt' },
});

test('three nodes on a disk that fills up', {
  skip:
    disk !== undefined || canMount.status === 0
      ? false
      : 'skipped: needs unshare -rm (user and mount namespaces)',
  timeout: 300_000,
}, async () => {
  if (disk !== undefined) return fillUp(disk);
  await using folder = await createTempFolder();
  const words = [
    '-rm',
    'sh',
    '-c',
    `${MOUNT} && exec "$0" --test "$1"`,
    process.execPath,
    import.meta.filename,
  ];
  const env = { ...process.env, P2POS_TEST_SMALL_DISK: folder.path, TMPDIR: folder.path };
  // Otherwise the runner inside takes itself for a part of this one.
  delete env['NODE_TEST_CONTEXT' as keyof typeof env];
  const child = spawn('unshare', words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(code, 0, output);
});

async function fillUp(folder: string): Promise<void> {
  const free = () => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  };
  assert.ok(statfsSync(folder).blocks * statfsSync(folder).bsize <= DISK_BYTES);
  await using dev = await startDev({ nodes: 3 });
  await using client = dev.client(0);
  await client.kv.put('before', 'it was full');
  const ballast = join(folder, 'ballast');
  writeFileSync(ballast, new Uint8Array(free() - ROOM_BYTES));

  const value = new Uint8Array(60_000).fill(7);
  const acknowledged: string[] = [];
  let refusal: unknown;
  for (let i = 0; i < 1_000 && refusal === undefined; i++) {
    const key = `key ${i}`;
    await client.kv.put(key, value).then(
      () => acknowledged.push(key),
      (error) => {
        refusal = error;
      },
    );
  }
  assert.ok(isP2posError(refusal, 'STORE_FULL'), String(refusal));
  assert.ok(acknowledged.length > 5, `${acknowledged.length} were acknowledged`);

  // Reads go on through every node, and so does everybody's word on what was acknowledged.
  for (const index of [0, 1, 2]) {
    await using reader = dev.client(index);
    assert.equal((await reader.kv.get('before'))?.text(), 'it was full');
    for (const key of acknowledged)
      assert.equal((await reader.kv.get(key))?.value.length, value.length, `${key} through node ${index}`);
    await assert.rejects(reader.kv.put('more', value), (error) => isP2posError(error, 'STORE_FULL'));
  }
  assert.ok(dev.nodes().every(({ pid }) => pid !== null));

  rmSync(ballast);
  await eventually(async () => (await client.kv.put('after', value)).durable >= 2);
  for (const key of acknowledged) assert.equal((await client.kv.get(key))?.value.length, value.length);
}
