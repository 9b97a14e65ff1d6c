/** An acknowledged write is on disk: fdatasync calls are counted from outside, by the kernel's own account. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { startDev } from './harness.ts';

const WRITES = 20;
const hasStrace = spawnSync('strace', ['-V']).status === 0;

test('every acknowledged write was fdatasynced by each replica that vouched for it', {
  skip: hasStrace ? false : 'skipped: needs strace',
  timeout: 300_000,
}, async () => {
  await using folder = await createTempFolder();
  await using dev = await startDev({ nodes: 3 });
  const traces = dev.nodes().map(({ name, pid, peerId }) => {
    const file = join(folder.path, name);
    const child = spawn(
      'strace',
      ['-f', '-qq', '-e', 'trace=fsync,fdatasync', '-o', file, '-p', String(pid)],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    return {
      peerId,
      file,
      child,
      syncs: () => readFileSync(file, 'utf8').match(/(fsync|fdatasync)\(.*= 0|resumed>.*= 0/g)?.length ?? 0,
    };
  });
  await using client = dev.client(0);
  // The first write that every trace sees says that all are attached.
  await eventually(async () => {
    await client.kv.put('attached', String(Math.random()));
    return traces.every(({ syncs }) => syncs() > 0);
  });
  for (let i = 0; i < WRITES; i++) {
    const before = traces.map(({ syncs }) => syncs());
    const { replicas } = await client.kv.put(`key ${i}`, 'value');
    assert.ok(replicas.length >= 2);
    // The kernel did it before the answer; strace may write its line a little later.
    await eventually(() => {
      for (const [index, { peerId, syncs }] of traces.entries())
        if (replicas.includes(peerId))
          assert.ok(syncs() > (before[index] ?? 0), `${peerId} vouched without a sync`);
    });
  }
  for (const { child } of traces) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    await ended;
  }
});
