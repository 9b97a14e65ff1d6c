import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { P2posError } from '@p2pos/protocol';
import { instantCrypto } from '../../testing/instant-crypto.ts';
import { firstHand, openTestMembership } from '../../testing/test-membership.ts';
import { createTestSystem } from '../../testing/test-system.ts';

const MIB = 1_048_576;

for (const [what, length, places] of [
  ['places', 1_000, 16],
  ['bytes', 1.25 * MIB, 3],
] as const) {
  test(`strangers take a quarter of the ${what} where documents wait, the rest is for members`, async () => {
    const system = await createTestSystem();
    await using node = await openTestMembership(system);
    const bytes = new Uint8Array(length);
    const push = (byStranger: boolean) =>
      node.submit({ kind: 'snapshot', bytes, from: 'peer' }, { byStranger }).then(
        (verdict) => (verdict.result === 'refused' ? verdict.error.code : verdict.result),
        (error: P2posError) => error.code,
      );
    const pushed = Array.from({ length: 40 }, () => push(true));
    const byMember = node.submit(firstHand(await system.first()));
    const codes = await Promise.all(pushed);
    assert.equal(codes.filter((code) => code === 'DOCUMENT_MALFORMED').length, places);
    assert.equal(codes.filter((code) => code === 'OVERLOADED').length, 40 - places);
    assert.equal((await byMember).result, 'applied');
    assert.equal(await push(true), 'DOCUMENT_MALFORMED');
  });
}

test('a revocation that too few system keys are said to have signed costs no verification, whatever else it lists', async () => {
  let verified = 0;
  const crypto: typeof instantCrypto = {
    ...instantCrypto,
    verify(...input) {
      verified++;
      return instantCrypto.verify(...input);
    },
  };
  const system = await createTestSystem({ crypto, systemKeys: 3, threshold: 2 });
  await using node = await openTestMembership(system);
  const strangers = Array.from({ length: 40 }, (_, i) => system.identity(`stranger${i}`).signer);
  const peerIds = system.nodes.map(({ peerId }) => peerId);
  const push = async (...olders: (typeof strangers)[number][]) => {
    const { bytes } = await system.revocation({ peerIds }, [...olders, ...strangers]);
    verified = 0;
    const verdict = await node.submit({ kind: 'revocation', bytes, from: 'peer' });
    return [verdict.result === 'refused' ? verdict.error.code : verdict.result, verified];
  };
  const [one, two] = system.systemSigners;
  assert.ok(one && two);
  assert.deepEqual(await push(one), ['REVOCATION_SIGNATURE', 0]);
  assert.deepEqual(await push({ ...one, sign: two.sign }, two), ['REVOCATION_SIGNATURE', 2]);
  assert.deepEqual(await push(one, two), ['applied', 2]);
});
