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

/** A second admin, with a proof and a key of its own. */
async function secondAdmin({ folder, system: place, passphraseFile, json, at }: FoundedSystem) {
  const secret = ['--passphrase-file', passphraseFile];
  const [key, proof] = [join(folder, 'second.key'), join(folder, 'second.cbor')];
  await json('keys', 'create', key, '--role', 'admin', ...secret);
  await json(
    ...[
      'proof',
      'request',
      '--transcript',
      join(place, 'transcript.jsonl'),
      '--admin',
      join(folder, 'second.pub'),
    ],
    ...['--out', proof, '--key', join(place, 'system-1.key'), ...secret],
  );
  return (index: number, ...words: string[]) =>
    at(index, ...words, '--admin-key', key, '--admin-proof', proof, ...secret);
}

/** That these nodes follow one snapshot and know these members. */
async function agree(
  system: FoundedSystem,
  indices: readonly number[],
  names: readonly string[],
): Promise<void> {
  await eventually(
    async () => {
      const bytes = await inForce(system, indices[0] ?? 0);
      for (const index of indices) {
        assert.deepEqual(await inForce(system, index), bytes);
        assert.deepEqual(await membersAt(system, index), names);
      }
    },
    { timeoutMs: 60_000 },
  );
}

test('T8: two admins publish apart: all nodes agree, what either removed is out until the merge says otherwise; a restart of all keeps the bytes', {
  timeout: 240_000,
}, async () => {
  await using system = await foundSystem({ nodes: 5 });
  const asSecond = await secondAdmin(system);
  const done = ({ code, stderr }: { code: number; stderr: string }) => assert.equal(code, 0, stderr);
  for (const index of [1, 2, 3, 4]) await system.stop(index);
  done(await system.asAdmin(0, 'members', 'remove', 'node3'));
  await system.stop(0);
  await system.start(1);
  done(await asSecond(1, 'members', 'remove', 'node4'));
  for (const index of [0, 2]) await system.start(index);

  await agree(system, [0, 1, 2], ['node0', 'node1', 'node2']);
  assert.match((await system.at(2, 'doctor')).stdout, /members merge/);
  const { adminPeerId } = JSON.parse((await system.at(1, 'system', 'show', '--json')).stdout).proof;
  const { stdout: listed } = await system.at(2, 'members', 'conflicts', '--json');
  const { conflicts } = JSON.parse(listed) as {
    conflicts: { issuerPeerId: string; removed: { name: string }[]; added: { name: string }[] }[];
  };
  assert.equal(conflicts.length, 1);
  const [branch] = conflicts;
  assert.ok(branch && branch.issuerPeerId !== adminPeerId, 'the other admin issued it');
  assert.deepEqual(
    [branch.removed.map(({ name }) => name), branch.added.map(({ name }) => name)],
    [['node3'], ['node4']],
  );
  assert.match(
    (await system.at(0, 'members', 'conflicts')).stdout,
    /removed there, refused until merged: node3 12D3/,
  );
  const wrong = await system.asAdmin(2, 'members', 'merge', '--readmit', 'node4');
  assert.equal(wrong.code, 2, wrong.stderr);
  done(await system.asAdmin(2, 'members', 'merge', '--readmit', 'node3'));
  const members = ['node0', 'node1', 'node2', 'node3'];
  await agree(system, [0, 1, 2], members);
  for (const index of [0, 1, 2]) {
    assert.deepEqual(JSON.parse((await system.at(index, 'members', 'conflicts', '--json')).stdout), {
      conflicts: [],
    });
  }
  assert.equal((await system.asAdmin(2, 'members', 'merge')).code, 2, 'nothing is left to merge');
  const before = await inForce(system, 0);
  await Promise.all([0, 1, 2].map((index) => system.stop(index)));
  await Promise.all([0, 1, 2, 3].map((index) => system.start(index)));
  await agree(system, [0, 1, 2, 3], members);
  assert.deepEqual(await inForce(system, 3), before);
});

test('two admins publish at the same moment: all nodes agree, and both removals hold', {
  timeout: 240_000,
}, async () => {
  await using system = await foundSystem({ nodes: 5 });
  const asSecond = await secondAdmin(system);
  const outcomes = await Promise.all([
    system.asAdmin(0, 'members', 'remove', 'node3'),
    asSecond(1, 'members', 'remove', 'node4'),
  ]);
  for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
  await agree(system, [0, 1, 2], ['node0', 'node1', 'node2']);
  for (const index of [3, 4]) {
    await using gone = system.client(index);
    await eventually(async () => assert.equal((await gone.network.status()).state, 'unconfigured'), {
      timeoutMs: 60_000,
    });
  }
  // Whether one came after the other or beside it, one merge at most ends it, and nobody comes back.
  const { stdout } = await system.at(2, 'members', 'conflicts', '--json');
  const { conflicts } = JSON.parse(stdout) as { conflicts: unknown[] };
  if (conflicts.length > 0) {
    const merged = await asSecond(2, 'members', 'merge');
    assert.equal(merged.code, 0, merged.stderr);
  }
  await agree(system, [0, 1, 2], ['node0', 'node1', 'node2']);
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
