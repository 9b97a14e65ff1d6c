/** What a system of real processes stands: nodes killed, a majority lost, everything killed at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { shareDev, startDev } from './harness.ts';

const system = shareDev({ nodes: 5 });

test('put on node0, kill -9 node0, read on node3: the bytes are there', { timeout: 300_000 }, async () => {
  const dev = await system();
  await using writer = dev.client(0);
  await Promise.all(Array.from({ length: 40 }, (_, i) => writer.kv.put(`key ${i}`, `value ${i}`)));
  await using reader = dev.client(3);
  dev.kill(0);
  for (let i = 0; i < 40; i++) assert.equal((await reader.kv.get(`key ${i}`))?.text(), `value ${i}`);
  await using back = dev.client(0);
  await eventually(async () => assert.equal((await back.health()).status, 'ok'), { timeoutMs: 30_000 });
});

test('two of five dead: keys with a majority work, others say so; none is a false success', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 5, words: ['--no-restart'] });
  await using client = dev.client(2);
  const holders = new Map<string, readonly string[]>();
  for (let i = 0; i < 60; i++) {
    const { explain } = await client.kv.put(`key ${i}`, `value ${i}`, { explain: true });
    holders.set(`key ${i}`, explain?.replicas ?? []);
  }
  const dead = [dev.node(0).peerId, dev.node(1).peerId];
  dev.kill(0);
  dev.kill(1);
  let lost = 0;
  for (const [key, replicas] of holders) {
    const left = replicas.filter((peerId) => !dead.includes(peerId)).length;
    if (left >= 2) {
      assert.equal((await client.kv.get(key))?.text(), key.replace('key', 'value'));
      assert.ok((await client.kv.put(key, 'new')).durable >= 2);
    } else {
      lost++;
      const refused = (error: unknown) => isP2posError(error, 'RECORDS_QUORUM_LOST');
      await assert.rejects(client.kv.get(key), refused);
      await assert.rejects(client.kv.put(key, 'new'), refused);
    }
  }
  assert.ok(lost > 0 && lost < 60, `${lost} of 60`);
  const left = dev.nodes().filter(({ pid }) => pid !== null);
  assert.equal(left.length, 3, 'with --no-restart the dead stay dead');
});

test('all killed at once: every acknowledged write is there, and the snapshot byte for byte', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  await using client = dev.client(1);
  const snapshot = await client.members.snapshot();
  const acknowledged: string[] = [];
  const writing = Promise.all(
    Array.from({ length: 300 }, async (_, i) => {
      await client.kv.put(`key ${i}`, `value ${i}`);
      acknowledged.push(`key ${i}`);
    }),
  ).catch(() => {});
  await eventually(() => acknowledged.length > 100);
  dev.process.kill('SIGKILL');
  for (const index of [0, 1, 2, 3, 4]) dev.kill(index);
  await writing;
  await dev.start();
  await using after = dev.client(4);
  for (const key of acknowledged)
    assert.equal((await after.kv.get(key))?.text(), key.replace('key', 'value'));
  const peers = await after.network.peers();
  assert.deepEqual(
    peers.map(({ reachability }) => reachability),
    Array(5).fill('online'),
  );
  assert.deepEqual(await after.members.snapshot(), snapshot);
});
