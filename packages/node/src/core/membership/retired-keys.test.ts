/** System keys that a rotation replaced, in the hands of whoever stole enough of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AdminProof, formatTimestamp, type KeyRotation, type SignedDocument } from '@p2pos/protocol';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createTestDisk, firstHand, openTestMembership } from '../../testing/test-membership.ts';
import { createTestSystem } from '../../testing/test-system.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Three keys, two of which were stolen, and a rotation to three others an hour after the first snapshot. */
async function rotated(keep: Partial<KeyRotation> | ((proof: SignedDocument<AdminProof>) => object) = {}) {
  const clock = createManualClock();
  const system = await createTestSystem({ nodes: 4, now: clock.now(), systemKeys: 3, threshold: 2 });
  const disk = createTestDisk('retired');
  const open = () => openTestMembership(system, { clock, disk });
  const node = await open();
  const first = await system.first(system.members([0, 1, 2]));
  assert.equal((await node.submit(firstHand(first))).result, 'applied');
  await clock.advance(HOUR_MS);
  const fresh = [0, 1, 2].map((i) => system.identity(`fresh${i}`).signer);
  const stolen = system.systemSigners.slice(0, 2);
  const createdAt = formatTimestamp(clock.now());
  const kept = typeof keep === 'function' ? keep(system.admin.proof) : keep;
  const sign = (signers = system.systemSigners) =>
    system.rotation({ createdAt, threshold: 2, ...kept }, fresh, [...signers, ...fresh]);
  const push = async (kind: 'rotation' | 'revocation', { bytes }: { readonly bytes: Uint8Array }) => {
    const verdict = await node.submit({ kind, bytes, from: 'peer' });
    return verdict.result === 'refused' ? verdict.error.code : verdict.result;
  };
  const renew = async (after = first) => {
    await clock.advance(60_000);
    const validFrom = formatTimestamp(clock.now());
    const admin = await system.createAdmin('new', { validFrom }, fresh);
    const next = await system.snapshot({
      ...{ after, members: system.members(), admin, issuedAtMs: clock.now() },
    });
    assert.equal((await node.submit(firstHand(next))).result, 'applied');
  };
  /** The thief's own keys follow the genesis. */
  const fork = (signers = stolen, at = clock.now()) => {
    const keys = [0, 1, 2].map((i) => system.identity(`thief${i}`).signer);
    const body = { createdAt: formatTimestamp(at), threshold: 2 };
    return system.rotation(body, keys, [...signers, ...keys]);
  };
  return { clock, system, node, open, first, stolen, sign, push, renew, fork };
}

test('retired keys make no proof with the serial of one that was kept', async () => {
  const { clock, system, node, first, stolen, sign, push } = await rotated(({ hash }) => ({
    keptProofs: [hash],
  }));
  await using _ = node;
  assert.equal(await push('rotation', await sign()), 'applied');
  await clock.advance(DAY_MS);
  const { serial } = system.admin.proof.body;
  const thief = await system.createAdmin('thief', { serial }, stolen);
  const members = system.members([0, 1]);
  const input = { after: first, members, issuedAtMs: clock.now() };
  const verdict = await node.submit(firstHand(await system.snapshot({ ...input, admin: thief })));
  assert.equal(verdict.result === 'refused' && verdict.error.code, 'SNAPSHOT_PROOF_EXPIRED');
  assert.equal((await node.submit(firstHand(await system.snapshot(input)))).result, 'applied');
});

test('a later fork by fewer retired keys than signed the rotation undoes nothing, gives no admin back, and is kept as evidence', async () => {
  const { clock, system, node, open, first, stolen, sign, push, renew, fork } = await rotated();
  assert.equal(await push('rotation', await sign()), 'applied');
  await renew();
  for (const at of [clock.now(), clock.now() - 300 * DAY_MS]) {
    assert.equal(await push('rotation', await fork(stolen, at)), 'ROTATION_OUTVOTED');
  }
  const { root, fork: forked } = node.status();
  assert.deepEqual([node.view().epoch, root?.keysVersion, forked], [2, 2, undefined]);
  const validFrom = formatTimestamp(clock.now());
  for (const from of [validFrom, system.admin.proof.body.validFrom]) {
    const thief = await system.createAdmin('thief', { validFrom: from }, stolen);
    const members = system.members([0, 1]);
    const next = await system.snapshot({ after: first, members, admin: thief, issuedAtMs: clock.now() });
    assert.equal((await node.submit(firstHand(next))).result, 'refused');
  }
  const heads = node.heads();
  const page = { list: 'rotations', after: { epoch: 0, hash: '' }, maxDocuments: 9, maxBytes: 1e6 } as const;
  assert.equal((await node.documents(page)).documents.length, 3);
  await node[Symbol.asyncDispose]();
  await using again = await open();
  assert.deepEqual(again.heads(), heads);
});

test('as many retired keys halt the root, without an admin for either; one more signature on the rotation puts it back in force', async () => {
  const { system, node, open, sign, stolen, push, renew, fork, first, clock } = await rotated();
  const two = await sign(system.systemSigners.slice(1));
  assert.equal(await push('rotation', two), 'applied');
  await renew();
  const before = node.heads().keys;
  assert.equal(await push('rotation', await fork()), 'ROOT_FORKED');
  assert.deepEqual([node.view().epoch, node.status().fork !== undefined], [1, true]);
  const thief = await system.createAdmin('thief', {}, stolen);
  const members = system.members([0, 1]);
  const next = await system.snapshot({ after: first, members, admin: thief, issuedAtMs: clock.now() });
  assert.equal((await node.submit(firstHand(next))).result, 'refused');

  const whole = await sign();
  assert.deepEqual(whole.hash, two.hash);
  assert.equal(await push('rotation', whole), 'applied');
  assert.deepEqual([node.view().epoch, node.status().fork], [2, undefined]);
  assert.notEqual(node.heads().keys, before);
  assert.equal(await push('rotation', two), 'stale');
  const { root, proof } = node.status();
  await node[Symbol.asyncDispose]();
  await using again = await open();
  assert.deepEqual([again.status().root, again.status().proof], [root, proof]);
});

test('retired keys take no node out; what they took out before stays out where the rotation keeps it', async () => {
  const clock = createManualClock();
  const other = await createTestSystem({ nodes: 4, now: clock.now(), systemKeys: 3, threshold: 2 });
  const peerIds = [other.nodes[1]?.peerId ?? ''];
  const early = await other.revocation({ peerIds });
  const { system, node, sign, stolen, push } = await rotated({ keptRevocations: [early.hash] });
  await using _ = node;
  assert.equal(await push('revocation', early), 'applied');
  assert.equal(await push('rotation', await sign()), 'applied');
  assert.equal(node.view().members.size, 2);
  const late = await system.revocation(
    { epoch: 2, peerIds: system.nodes.map(({ peerId }) => peerId) },
    stolen,
  );
  assert.equal(await push('revocation', late), 'REVOCATION_SIGNATURE');
  assert.equal(node.view().members.size, 2);
});

test('what retired keys and a member of old times date before the rotation comes after what newer keys have built on', async () => {
  const { clock, system, node, open, first, stolen, sign, push, renew } = await rotated();
  const thief = await system.createAdmin('thief', {}, stolen);
  // Node 2 was listed first, and is in the hands of the thief.
  const backdated = await system.snapshot({
    ...{ after: first, members: system.members([0, 2]), admin: thief, issuedAtMs: clock.now() - 1 },
  });
  const countersignature = await system.countersign(backdated, 2);
  const hand = async () => {
    const verdict = await node.submit({
      ...{ kind: 'snapshot', bytes: backdated.bytes, countersignature, from: 'peer' },
    });
    return verdict.result === 'refused' ? verdict.error.code : verdict.result;
  };
  await clock.advance(60_000);
  const own = await system.snapshot({
    after: first,
    members: system.members(),
    issuedAtMs: clock.now() - HOUR_MS,
  });
  const word = await system.countersign(own, 0);
  await node.submit({ kind: 'snapshot', bytes: own.bytes, countersignature: word, from: 'peer' });
  assert.equal(await push('rotation', await sign()), 'applied');
  await renew(own);
  assert.deepEqual([node.view().epoch, node.view().members.size], [3, 4]);
  assert.equal(await hand(), 'SNAPSHOT_WAITING');
  const { conflicts } = node.status();
  assert.deepEqual([node.view().epoch, node.view().members.size, conflicts], [3, 4, []]);
  await node[Symbol.asyncDispose]();
  await using again = await open();
  assert.deepEqual([again.view().epoch, again.view().members.size], [3, 4]);
});
