/** The life of a system's root over real processes: founding, growing, admins who come and go, keys that change. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { foundSystem } from '../founded.ts';

test('T3: a system of five keys, founded by p2pctl: its admin is revoked, nodes fall back, a new admin goes on', {
  timeout: 300_000,
}, async () => {
  await using system = await foundSystem({ nodes: 3, keys: 5, threshold: 3 });
  const { folder, system: place, passphraseFile, json, nodes } = system;
  const keys = [1, 3, 5].map((n) => join(place, `system-${n}.key`));
  const transcript = join(place, 'transcript.jsonl');
  const secret = ['--passphrase-file', passphraseFile];
  await using client = system.client(0);
  const before = await client.members.list();
  assert.equal(before.members.length, 3);

  // A second admin, who may only change what members do.
  await json('keys', 'create', join(folder, 'second.key'), '--role', 'admin', ...secret);
  const proof = await json(
    ...['proof', 'request', '--transcript', transcript, '--admin', join(folder, 'second.pub')],
    ...['--scope', 'members:remove', '--out', join(folder, 'second.cbor'), '--key', ...keys, ...secret],
  );
  const second = [
    '--admin-key',
    join(folder, 'second.key'),
    '--admin-proof',
    join(folder, 'second.cbor'),
    ...secret,
  ];
  const refused = await system.at(0, 'members', 'add', nodes[0]?.peerId.replace(/.$/, 'x') ?? '', ...second);
  assert.notEqual(refused.code, 0);
  const removed = await system.at(0, 'members', 'remove', 'node2', ...second);
  assert.equal(removed.code, 0, removed.stderr);
  await using third = system.client(2);
  await eventually(async () => assert.equal((await third.network.status()).state, 'unconfigured'));

  // Revoked, up to the snapshot before: that removal is void everywhere, the node that was out is in again.
  const revoke = [
    'system',
    'revoke',
    '--transcript',
    transcript,
    '--serial',
    String(proof['serial']),
    '--last-good',
    before.hash,
  ];
  await json(...revoke, '--out', join(folder, 'revocation.cbor'), '--key', ...keys, ...secret);
  const pushed = await system.at(1, 'system', 'push', join(folder, 'revocation.cbor'));
  assert.equal(pushed.code, 0, pushed.stderr);
  for (const index of [0, 1, 2]) {
    await using each = system.client(index);
    await eventually(async () => assert.equal((await each.members.list()).hash, before.hash), {
      timeoutMs: 60_000,
    });
  }
  const again = await system.at(0, 'members', 'remove', 'node2', ...second, '--json');
  assert.equal(JSON.parse(again.stderr).error.code, 'SNAPSHOT_REVOKED');
  // The first admin goes on; a restart changes nothing.
  const changed = await system.asAdmin(0, 'members', 'renew');
  assert.equal(changed.code, 0, changed.stderr);
  const inForce = await client.members.snapshot();
  await Promise.all([0, 1, 2].map((index) => system.stop(index)));
  await Promise.all([0, 1, 2].map((index) => system.start(index)));
  await using restarted = system.client(1);
  await eventually(async () => assert.deepEqual(await restarted.members.snapshot(), inForce));
  const audit = await system.at(1, 'system', 'audit', '--json');
  const entries = JSON.parse(audit.stdout).entries as { document: string; result: string }[];
  assert.ok(entries.some(({ document, result }) => document === 'revocation' && result === 'accepted'));
});

test('T4: the keys are rotated; proofs that are not kept end, older keys sign nothing any more; a fork halts the root until one more holder signs', {
  timeout: 300_000,
}, async () => {
  await using system = await foundSystem({ nodes: 2, keys: 3, threshold: 2 });
  const { folder, system: place, passphraseFile, json } = system;
  const secret = ['--passphrase-file', passphraseFile];
  const transcript = join(place, 'transcript.jsonl');
  const old = [1, 2].map((n) => join(place, `system-${n}.key`));
  for (const name of ['fresh', 'other']) await json('keys', 'create', join(folder, `${name}.key`), ...secret);
  const whole = readFileSync(transcript);
  const rotate = (name: string, at: string) => [
    ...['system', 'rotate', '--transcript', at, '--public-keys', join(folder, `${name}.pub`)],
    ...['--out', join(folder, `${name}.cbor`), '--key', ...old, join(folder, `${name}.key`), ...secret],
  ];
  const { writeFileSync } = await import('node:fs');
  const copy = join(folder, 'copy.jsonl');
  writeFileSync(copy, whole);
  await json(...rotate('fresh', transcript));
  await json(...rotate('other', copy));
  const pushed = await system.at(0, 'system', 'push', join(folder, 'fresh.cbor'));
  assert.equal(pushed.code, 0, pushed.stderr);
  for (const index of [0, 1]) {
    await eventually(async () => {
      const { stdout } = await system.at(index, 'system', 'show', '--json');
      assert.equal(JSON.parse(stdout).keysVersion, 2);
    });
  }
  // The proof was not kept: what it signs now is void, what it signed before stays.
  const late = await system.asAdmin(0, 'members', 'renew', '--json');
  assert.equal(JSON.parse(late.stderr).error.code, 'SNAPSHOT_PROOF_EXPIRED');
  await json(
    ...['proof', 'request', '--transcript', transcript, '--admin', join(place, 'admin.pub')],
    ...['--out', join(folder, 'proof.cbor'), '--key', join(folder, 'fresh.key'), ...secret],
  );
  const renewed = await system.at(
    1,
    ...['members', 'renew', '--admin-key', join(place, 'admin.key')],
    ...['--admin-proof', join(folder, 'proof.cbor'), ...secret],
  );
  assert.equal(renewed.code, 0, renewed.stderr);

  const fork = await system.at(0, 'system', 'push', join(folder, 'other.cbor'), '--json');
  assert.equal(JSON.parse(fork.stderr).error.code, 'ROOT_FORKED');
  await eventually(async () => {
    const { code, stdout } = await system.at(1, 'doctor', '--json');
    const findings = JSON.parse(stdout).findings as { check: string; ok: boolean; text: string }[];
    assert.match(findings.find(({ check, ok }) => check === 'root' && !ok)?.text ?? '', /halted/);
    assert.equal(code, 1);
  });

  // The third holder signs as well: the fork is settled, and what stood under the new keys is in force again.
  await json(
    ...['system', 'rotate', '--transcript', transcript, '--again', join(folder, 'fresh.cbor')],
    ...['--out', join(folder, 'settled.cbor'), ...secret],
    ...['--key', ...old, join(place, 'system-3.key'), join(folder, 'fresh.key')],
  );
  const settled = await system.at(1, 'system', 'push', join(folder, 'settled.cbor'));
  assert.equal(settled.code, 0, settled.stderr);
  for (const index of [0, 1]) {
    await eventually(async () => {
      const { stdout } = await system.at(index, 'system', 'show', '--json');
      const { keysVersion, fork: parent } = JSON.parse(stdout);
      assert.deepEqual([keysVersion, parent], [2, null]);
    });
  }
  const after = await system.at(
    0,
    ...['members', 'renew', '--admin-key', join(place, 'admin.key')],
    ...['--admin-proof', join(folder, 'proof.cbor'), ...secret],
  );
  assert.equal(after.code, 0, after.stderr);
});
