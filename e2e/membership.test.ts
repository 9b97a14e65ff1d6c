/** Membership between real processes: growing under load, removal, and snapshots that must not count. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  adminProofDocument,
  decodeDocument,
  formatTimestamp,
  isP2posError,
  type Snapshot,
  signDocument,
  snapshotDocument,
} from '@p2pos/protocol';
import { createKeyFile, crypto, readKeyFile } from '../packages/cli/src/keys.ts';
import { readDocument, signAdminProof } from '../packages/cli/src/members/authority.ts';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { shareDev, startDev } from './harness.ts';

const shared = shareDev({ nodes: 4 });

test('a sixth node joins, drains and is removed while others write: no acknowledged write is unreadable at any moment', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 5 });
  const clients = [0, 1, 2, 3, 4].map((index) => dev.client(index));
  const acknowledged = new Map<string, string>();
  let stopping = false;
  let reads = 0;
  async function write(worker: number): Promise<void> {
    for (let i = 0; !stopping; i++) {
      const key = `w${worker}/${i % 50}`;
      await clients[worker]?.kv.put(key, String(i));
      acknowledged.set(key, String(i));
    }
  }
  async function read(worker: number): Promise<void> {
    while (!stopping) {
      const keys = [...acknowledged.keys()];
      const key = keys[Math.floor(Math.random() * keys.length)];
      const before = Number(acknowledged.get(key ?? '') ?? -1);
      const found = key === undefined ? undefined : await clients[worker]?.kv.get(key);
      if (key === undefined) await new Promise((resolve) => setImmediate(resolve));
      else assert.ok(Number(found?.text() ?? -1) >= before, `${key}: read ${found?.text()} after ${before}`);
      reads++;
    }
  }
  const work = Promise.all([write(0), write(1), read(2), read(3)]);
  work.catch(() => (stopping = true));
  await eventually(() => acknowledged.size > 50);
  const added = await dev.p2pctl('dev', 'add');
  assert.equal(added.code, 0, added.stderr);
  await using sixth = dev.client(5);
  await eventually(async () => assert.equal((await sixth.network.status()).state, 'healthy'));
  const more = () => {
    const seen = reads;
    return eventually(() => stopping || reads > seen + 200, { timeoutMs: 30_000 });
  };
  await more();
  for (const key of [...acknowledged.keys()]) assert.ok(await sixth.kv.get(key), key);
  const drained = await dev.p2pctl('members', 'drain', 'node5', '--wait');
  assert.equal(drained.code, 0, drained.stderr);
  assert.match(drained.stdout, /^node5 drains; snapshot 3 is in force.*p2pctl members remove node5/s);
  // Nobody needs it any more: it may be gone before the others hear that it is removed.
  dev.kill(5);
  const removed = await dev.p2pctl('members', 'remove', 'node5');
  assert.equal(removed.code, 0, removed.stderr);
  await more();
  stopping = true;
  await work;
  for (const [key, value] of acknowledged) assert.equal((await clients[2]?.kv.get(key))?.text(), value);
  for (const client of clients) await client.close();
});

test('T2, T4: a snapshot of next year, of a stranger, or that jumps an epoch is refused, each by its own code', {
  timeout: 300_000,
}, async () => {
  const dev = await shared();
  await using client = dev.client(0);
  const system = (name: string) => join(dev.home, 'system', name);
  const admin = readKeyFile(system('admin.key'));
  const proof = readDocument(adminProofDocument, system('admin-proof.cbor'));
  const current = decodeDocument(snapshotDocument, await client.members.snapshot(), crypto);
  const next: Snapshot = {
    ...current.body,
    epoch: current.body.epoch + 1,
    previous: current.hash,
    issuedAt: formatTimestamp(Date.now()),
  };
  const refusal = async (change: Partial<Snapshot>, signer = admin) => {
    const { bytes } = await signDocument(snapshotDocument, { ...next, ...change }, [signer], crypto);
    const error: unknown = await client.members.push(bytes).then(
      () => assert.fail('it was taken'),
      (reason: unknown) => reason,
    );
    return isP2posError(error) ? error.code : String(error);
  };

  const stranger = createKeyFile(join(dev.home, 'stranger.key'));
  const forged = await signAdminProof(proof.body.systemId, stranger, stranger, Date.now());
  const codes = {
    future: await refusal({ issuedAt: formatTimestamp(Date.now() + 365 * 86_400_000) }),
    stranger: await refusal({ issuerPeerId: forged.body.adminPeerId, adminProof: forged.bytes }, stranger),
    gap: await refusal({ epoch: next.epoch + 1 }),
    wrongSigner: await refusal({}, stranger),
  };
  assert.equal(new Set(Object.values(codes)).size, 4, JSON.stringify(codes));
  for (const code of Object.values(codes)) assert.match(code, /^SNAPSHOT_/);
  assert.deepEqual(await client.members.snapshot(), current.bytes);
  const { bytes } = await signDocument(snapshotDocument, next, [admin], crypto);
  assert.equal((await client.members.push(bytes)).result, 'applied', 'a refused one blocks nothing');
});

test('T9, T1: a removed member is unconfigured at once; the older snapshot stays stale, after a restart too', {
  timeout: 300_000,
}, async () => {
  const dev = await shared();
  await using client = dev.client(0);
  const older = await client.members.snapshot();
  const removed = await dev.p2pctl('members', 'remove', 'node3');
  assert.equal(removed.code, 0, removed.stderr);
  await using gone = dev.client(3);
  await eventually(
    async () => {
      const { state, connected } = await gone.network.status();
      assert.deepEqual({ state, connected }, { state: 'unconfigured', connected: 0 });
    },
    { timeoutMs: 10_000 },
  );
  await assert.rejects(gone.kv.get('a'), (error) => isP2posError(error, 'STATE_UNCONFIGURED'));
  const peers = await client.network.peers();
  assert.ok(!peers.some(({ peerId, connected }) => peerId === dev.node(3).peerId && connected));

  const newer = await client.members.snapshot();
  assert.equal((await client.members.push(older)).result, 'stale');
  await dev.end();
  await dev.start();
  await using again = dev.client(0);
  assert.equal((await again.members.push(older)).result, 'stale');
  assert.deepEqual(await again.members.snapshot(), newer);
});
