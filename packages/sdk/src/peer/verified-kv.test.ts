import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeHeader, type KvAttestation, type SignedReceipt, signStatements } from '@p2pos/protocol';
import { createTestSystem } from '../../../node/src/testing/test-system.ts';
import type { Call } from '../caller.ts';
import { createPageCrypto } from './page-crypto.ts';
import { readVerified } from './verified-kv.ts';

const NOW = Date.UTC(2026, 0, 1);
const crypto = createPageCrypto();
const bytes = (text: string) => new TextEncoder().encode(text);

async function setUp() {
  const system = await createTestSystem({ nodes: 3 });
  const { systemId } = system;
  const version = `${'1'.repeat(16)}-${system.nodes[0]?.peerId}`;

  async function attest({
    signers = [0, 1],
    at = NOW,
    value = bytes('hello'),
    namespace = 'default/kv',
    system: signedFor = systemId,
  } = {}) {
    const key = bytes('a');
    const described = { hash: crypto.sha256(value), bytes: value.length };
    const fields = { namespace, partition: key, key, version, expiresAt: undefined, value: described };
    const header = encodeHeader(fields);
    const statements = await Promise.all(
      signers.map(async (index) => {
        const { peerId, signer } = system.nodes[index] as (typeof system.nodes)[0];
        const signing = { peerId, signer, crypto };
        return (await signStatements([header], { systemId: signedFor, at }, signing))[0];
      }),
    );
    const receipt = { systemId, epoch: 1, header, statements } as SignedReceipt;
    return { key: 'a', version, value, receipt };
  }
  const view = { systemId, epoch: 1, members: system.members() };
  const read = (answer: KvAttestation) =>
    readVerified({ call: (async () => answer) as unknown as Call, crypto, now: () => NOW }, view, 'a');
  return { attest, read };
}

test('a value counts by the signatures of a majority of those who hold it', async () => {
  const { attest, read } = await setUp();
  const found = await read(await attest());
  assert.equal(found?.text(), 'hello');
  assert.equal(found?.peerIds.length, 2);
  assert.equal(found?.signedAt, NOW);
});

test('another value, key space, system, too few or too old signatures are refused', async () => {
  const { attest, read } = await setUp();
  const refused = (answer: KvAttestation, reason: RegExp) =>
    assert.rejects(read(answer), (error: Error & { code: string }) => {
      assert.equal(error.code, 'RECEIPT_REFUSED');
      assert.match(error.message, reason);
      return true;
    });
  const honest = await attest();
  await refused({ ...honest, value: bytes('hullo') }, /another value/);
  await refused(await attest({ namespace: 'other/kv' }), /not for default\/kv/);
  await refused(await attest({ system: `sys1${'a'.repeat(52)}` }), /signature/);
  await refused(await attest({ signers: [0] }), /1 replicas signed it, 2 are needed/);
  await refused(await attest({ signers: [0, 0] }), /twice/);
  await refused(await attest({ at: NOW - 6 * 60_000 }), /too long ago/);
});
