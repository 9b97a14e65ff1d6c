/** One admin with a member's machine must not be able to close a place in the tree to the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/manual-clock.ts';
import { firstHand, openTestMembership } from '../../testing/test-membership.ts';
import { createTestSystem } from '../../testing/test-system.ts';

/** As many as one admin may place after one snapshot. */
const SHARE = 64;

test('an admin who fills the place after a snapshot fills only his share: another still publishes there, before and after he is revoked', async () => {
  const clock = createManualClock();
  const system = await createTestSystem({ nodes: 4, now: clock.now() });
  const good = await system.createAdmin('good');
  const bad = await system.createAdmin('bad');
  await using node = await openTestMembership(system, { clock });
  const codeOf = async (submission: Parameters<typeof node.submit>[0]) => {
    const verdict = await node.submit(submission);
    return verdict.result === 'refused' ? verdict.error.code : verdict.result;
  };
  const first = await system.first();
  assert.equal(await codeOf(firstHand(first)), 'applied');

  // Node 3 is his own machine.
  const flood = async (i: number) => {
    const members = system
      .members()
      .map((member) => (member.name === 'node2' ? { ...member, zone: `z${i}` } : member));
    const next = await system.snapshot({ after: first, members, admin: bad, issuedAtMs: clock.now() - i });
    const countersignature = await system.countersign(next, 3);
    return codeOf({ kind: 'snapshot', bytes: next.bytes, countersignature, from: 'peer' });
  };
  for (let i = 0; i < SHARE; i++) assert.notEqual(await flood(i), 'SNAPSHOT_BRANCHES_FULL');
  assert.equal(await flood(SHARE), 'SNAPSHOT_BRANCHES_FULL');

  const beside = await system.snapshot({ after: first, members: system.members(), admin: good });
  const countersignature = await system.countersign(beside, 1);
  assert.equal(
    await codeOf({ kind: 'snapshot', bytes: beside.bytes, countersignature, from: 'peer' }),
    'stale',
  );

  const { serial } = bad.proof.body;
  const serials = [{ serial, lastGoodSnapshot: first.hash }];
  const peerId = system.nodes[3]?.peerId ?? '';
  const revocation = await system.revocation({ serials, peerIds: [peerId] });
  assert.equal(await codeOf({ kind: 'revocation', bytes: revocation.bytes, from: 'http' }), 'applied');
  await clock.advance(60_000);
  const members = system.members([0, 1, 2]);
  const next = await system.snapshot({ after: beside, members, admin: good, issuedAtMs: clock.now() });
  assert.equal(await codeOf(firstHand(next)), 'applied');
  assert.equal(node.view().members.size, 3);
});
