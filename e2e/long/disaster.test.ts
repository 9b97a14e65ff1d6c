/** What governs must stand: two admins at once, machines that burnt, all nodes restarted. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { type FoundedNode, type FoundedSystem, foundSystem } from '../founded.ts';
import { CLONE } from '../harness.ts';

const NODE_MAIN = join(CLONE, 'packages/node/bin/p2pos-node.mjs');

async function inForce(system: FoundedSystem, index: number): Promise<Uint8Array> {
  await using client = system.client(index);
  return await client.members.snapshot();
}

async function membersAt(system: FoundedSystem, index: number): Promise<string[]> {
  await using client = system.client(index);
  return (await client.members.list()).members.map(({ name }) => name).sort();
}

test('T8: two admins publish apart: all nodes agree, what either removed is out, the merge ends it; a restart of all keeps the bytes', {
  timeout: 240_000,
}, async () => {
  await using system = await foundSystem({ nodes: 5 });
  const remove = async (index: number, name: string) => {
    const { code, stderr } = await system.asAdmin(index, 'members', 'remove', name);
    assert.equal(code, 0, stderr);
  };
  for (const index of [1, 2, 3, 4]) await system.stop(index);
  await remove(0, 'node3');
  await system.stop(0);
  await system.start(1);
  await remove(1, 'node4');
  for (const index of [0, 2]) await system.start(index);

  const survivors = ['node0', 'node1', 'node2'];
  await eventually(
    async () => {
      const bytes = await inForce(system, 0);
      for (const index of [0, 1, 2]) {
        assert.deepEqual(await inForce(system, index), bytes);
        assert.deepEqual(await membersAt(system, index), survivors);
      }
    },
    { timeoutMs: 60_000 },
  );
  const shown = await system.at(2, 'system', 'show', '--json');
  assert.equal(JSON.parse(shown.stdout).conflicts.length, 1);
  assert.match((await system.at(2, 'doctor')).stdout, /members merge/);
  const merged = await system.asAdmin(2, 'members', 'merge');
  assert.equal(merged.code, 0, merged.stderr);
  await eventually(async () => {
    for (const index of [0, 1, 2]) {
      const { stdout } = await system.at(index, 'system', 'show', '--json');
      assert.deepEqual(JSON.parse(stdout).conflicts, []);
      assert.deepEqual(await membersAt(system, index), survivors);
    }
  });
  const before = await inForce(system, 0);
  await Promise.all([0, 1, 2].map((index) => system.stop(index)));
  await Promise.all([0, 1, 2].map((index) => system.start(index)));
  for (const index of [0, 1, 2]) assert.deepEqual(await inForce(system, index), before);
});

test('three of five machines burnt: the rest refuses what needs a majority, until a forced snapshot revives the system', {
  timeout: 240_000,
}, async () => {
  const command = ({ home }: FoundedNode) => [
    '--disable-warning=ExperimentalWarning',
    NODE_MAIN,
    'run',
    '--home',
    home,
  ];
  await using system = await foundSystem({ nodes: 5, start: (node) => ({ command: command(node) }) });
  await using client = system.client(0);
  await client.kv.put('before', 'the fire');
  for (const index of [2, 3, 4]) {
    await system.stop(index, 'SIGKILL');
    rmSync(system.nodes[index]?.home ?? '', { recursive: true });
  }
  await eventually(async () => assert.equal((await client.network.status()).state, 'degraded'), {
    timeoutMs: 60_000,
  });
  const timid = await system.asAdmin(0, 'members', 'remove', 'node2', '--json');
  if (timid.code !== 0) assert.equal(JSON.parse(timid.stderr).error.code, 'SNAPSHOT_FORCE_NEEDED');
  for (const name of ['node2', 'node3', 'node4']) {
    const { code, stderr } = await system.asAdmin(0, 'members', 'remove', name, '--force');
    if (!(name === 'node2' && timid.code === 0)) assert.equal(code, 0, stderr);
  }
  await eventually(
    async () => {
      await client.kv.put('after', 'the fire');
      assert.equal((await client.kv.get('after'))?.text(), 'the fire');
      for (const index of [0, 1]) {
        await using each = system.client(index);
        const { state, members } = await each.network.status();
        assert.deepEqual({ state, members }, { state: 'healthy', members: 2 });
      }
    },
    { timeoutMs: 60_000 },
  );
  // What lay on burnt machines alone is gone, and is answered as such, never as an error that lasts.
  await client.kv
    .get('before')
    .catch((error: unknown) => assert.ok(isP2posError(error, 'RECORDS_QUORUM_LOST')));
});
