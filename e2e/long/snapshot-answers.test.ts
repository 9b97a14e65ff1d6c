/** What is answered of a snapshot is what happened to it, and a signature fits one list of members alone. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  adminProofDocument,
  asPredecessor,
  decodeDocument,
  encodeCbor,
  isP2posError,
  type Member,
  membersRoutes,
  type SignedDocument,
  type Snapshot,
  signDocument,
  signSnapshot,
  snapshotDocument,
  toHex,
} from '@p2pos/protocol';
import { crypto, readKeyFile } from '../../packages/cli/src/keys.ts';
import { readDocument } from '../../packages/cli/src/members/authority.ts';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { type DevSystem, startDev } from '../harness.ts';

/** The admin of a development system, and its hand at the snapshot that comes next. */
function adminOf(dev: DevSystem) {
  const place = (name: string) => join(dev.home, 'system', name);
  const signer = readKeyFile(place('admin.key'));
  const proof = readDocument(adminProofDocument, place('admin-proof.cbor'));
  return {
    signer,
    after: (previous: SignedDocument<Snapshot>, members: readonly Member[], atMs = Date.now()) =>
      signSnapshot({ signer, proof }, asPredecessor(previous), { members, nowMs: atMs }, crypto),
  };
}

test('T6: applied is said of what is in force, stale of what changed nothing: over HTTP, by a member, from the tool, after kill -9', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 2 });
  const clients = [dev.client(0), dev.client(1)] as const;
  await using first = clients[0];
  await using second = clients[1];
  const inForce = async () => {
    const [one, other] = [await first.members.snapshot(), await second.members.snapshot()];
    assert.deepEqual(one, other);
    return one;
  };
  const admin = adminOf(dev);
  const current = decodeDocument(snapshotDocument, await inForce(), crypto);
  const zoned = (zone: string) => current.body.members.map((member) => ({ ...member, zone }));
  const chosen = await admin.after(current, zoned('one'));
  const rival = await admin.after(current, zoned('two'), Date.now() + 60_000);

  const applied = await first.members.push(chosen.bytes);
  const held = { held: 2, members: 2 };
  assert.deepEqual(applied, { result: 'applied', epoch: 2, hash: toHex(chosen.hash), ...held });
  assert.deepEqual(await first.members.snapshot(), chosen.bytes, 'at once');
  await eventually(async () => assert.deepEqual(await inForce(), chosen.bytes));

  // The same again, an older one, and a greater one beside it: none is in force, and none is told to be.
  const stale = { result: 'stale', epoch: 2, hash: toHex(chosen.hash) };
  for (const { bytes } of [chosen, current, rival]) {
    assert.deepEqual(await first.members.push(bytes), { ...stale, ...held });
    const { peerId } = dev.node(1);
    const offered = await first.call(membersRoutes.offer, { peer: peerId, kind: 'snapshot', body: bytes });
    assert.deepEqual(offered, stale);
    assert.deepEqual(await inForce(), chosen.bytes);
  }
  const file = join(dev.home, 'rival.cbor');
  writeFileSync(file, rival.bytes);
  const told = await dev.p2pctl('members', 'push', file, '--json');
  assert.deepEqual(JSON.parse(told.stdout), { ...stale, ...held });
  await assert.rejects(first.members.push((await admin.after(rival, zoned('three'))).bytes), (error) =>
    isP2posError(error, 'SNAPSHOT_PREVIOUS_UNKNOWN'),
  );
  assert.deepEqual(await inForce(), chosen.bytes);

  // What was said to be applied is on disk when it is said.
  const last = await admin.after(chosen, zoned('last'));
  assert.equal((await first.members.push(last.bytes)).result, 'applied');
  dev.kill(0);
  dev.kill(1);
  await eventually(async () => assert.deepEqual(await inForce(), last.bytes), { timeoutMs: 60_000 });
});

test('T7: lists that read alike once joined are not alike: each needs a signature of its own, names and ids hold no separator', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 2 });
  await using client = dev.client(0);
  const admin = adminOf(dev);
  const current = decodeDocument(snapshotDocument, await client.members.snapshot(), crypto);
  const [one, two] = current.body.members;
  assert.ok(one && two);
  const [here, there] = ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'];
  const pair = (a: Partial<Member>, b: Partial<Member>): Member[] => [
    { ...one, ...a },
    { ...two, ...b },
  ];
  const refusal = async (bytes: Uint8Array) => {
    const codes = new Set<string>();
    for (const index of [0, 1]) {
      await using each = dev.client(index);
      const error: unknown = await each.members.push(bytes).then(
        ({ result }) => assert.fail(`it was ${result}`),
        (reason: unknown) => reason,
      );
      codes.add(isP2posError(error) ? error.code : String(error));
    }
    assert.deepEqual(await client.members.snapshot(), current.bytes);
    return [...codes].join(' ');
  };

  // Joined by commas, or by nothing, each of the second list reads as the first, and each alone is well formed.
  const alike: [Member[], Member[]][] = [
    [pair({ addresses: [here, there] }, {}), pair({ addresses: [`${here},${there}`] }, {})],
    [
      pair({ capabilities: ['relay', 'storage'] }, { capabilities: [] }),
      pair({ capabilities: ['relay'] }, { capabilities: ['storage'] }),
    ],
    [pair({ name: 'ab', zone: 'c' }, {}), pair({ name: 'a', zone: 'bc' }, {})],
    [pair({ zone: 'eu', name: 'x' }, {}), pair({ zone: '', name: 'eux' }, {})],
  ];
  const signed: SignedDocument<Snapshot>[] = [];
  for (const [list, forged] of alike) {
    const document = await admin.after(current, list);
    signed.push(document);
    const body = { ...document.body, members: forged };
    await signDocument(snapshotDocument, body, [admin.signer], crypto);
    const bytes = encodeCbor({ body: encodeCbor(body), signatures: document.signatures });
    assert.equal(await refusal(bytes), 'SNAPSHOT_SIGNATURE');
  }

  // What holds a separator is no name, no zone, no capability and no peer id, whoever signs it.
  const separated: object[][] = [
    [{ ...one, name: 'a,b' }, two],
    [{ ...one, zone: 'eu,us' }, two],
    [{ ...one, capabilities: ['relay,storage'] }, two],
    [{ ...one, peerId: `${one.peerId},${two.peerId}` }],
  ];
  for (const members of separated) {
    const body = encodeCbor({ ...(signed[0] as SignedDocument<Snapshot>).body, members });
    const purpose = new TextEncoder().encode(`${snapshotDocument.purpose}\0`);
    const signature = await admin.signer.sign(new Uint8Array([...purpose, ...body]));
    const bytes = encodeCbor({ body, signatures: [{ key: admin.signer.publicKey, signature }] });
    assert.equal(await refusal(bytes), 'DOCUMENT_MALFORMED');
  }
  const [taken] = signed;
  assert.equal((await client.members.push(taken?.bytes ?? new Uint8Array())).result, 'applied');
});
