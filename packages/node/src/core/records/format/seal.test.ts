import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Crypto, peerIdFromPublicKey } from '@p2pos/protocol';
import { instantCrypto, instantSigner } from '../../../testing/instant-crypto.ts';
import { createSealVerifier, seal } from './seal.ts';

const signer = instantSigner(new Uint8Array(32).fill(1));
const author = peerIdFromPublicKey(signer.publicKey);
const stranger = peerIdFromPublicKey(instantSigner(new Uint8Array(32).fill(2)).publicKey);
const headers = Array.from({ length: 9 }, (_, i) => new TextEncoder().encode(`header ${i}`));

function counted() {
  const calls = { verify: 0 };
  const crypto: Crypto = {
    ...instantCrypto,
    verify(...input) {
      calls.verify++;
      return instantCrypto.verify(...input);
    },
  };
  return { crypto, calls };
}

async function sealedBatch(systemId = 'sys1a') {
  const proofs = await seal({ crypto: instantCrypto, signer, systemId }, headers);
  return headers.map((header, i) => ({ header, proof: (proofs[i] as { proof: Uint8Array }).proof }));
}

test('each record of a batch verifies alone; the batch costs one verification', async () => {
  const { crypto, calls } = counted();
  const verifier = createSealVerifier({ crypto, systemId: 'sys1a' });
  const batch = await sealedBatch();
  const verdicts = await Promise.all(batch.map((record) => verifier.verify(record, author)));
  assert.deepEqual(
    verdicts,
    headers.map(() => true),
  );
  assert.equal(calls.verify, 1);
});

test('T28: a hash is no signature: another author, system, header or proof is refused', async () => {
  const batch = await sealedBatch();
  const [one, two] = batch as [(typeof batch)[0], (typeof batch)[0]];
  const verifier = createSealVerifier({ crypto: instantCrypto, systemId: 'sys1a' });
  const elsewhere = createSealVerifier({ crypto: instantCrypto, systemId: 'sys1b' });
  assert.equal(await verifier.verify(one, stranger), false);
  assert.equal(await elsewhere.verify(one, author), false);
  assert.equal(await verifier.verify({ header: two.header, proof: one.proof }, author), false);
  for (let at = 0; at < one.proof.length; at += 7) {
    const proof = one.proof.map((byte, i) => (i === at ? byte ^ 0x40 : byte));
    assert.equal(await verifier.verify({ header: one.header, proof }, author), false, `byte ${at}`);
  }
  assert.equal(await verifier.verify({ header: one.header, proof: new Uint8Array(5_000) }, author), false);
  assert.equal(await verifier.verify(one, author), true);
});

test('a forged signature under a known root is not taken for the true one, and is not remembered', async () => {
  const { crypto, calls } = counted();
  const verifier = createSealVerifier({ crypto, systemId: 'sys1a' });
  const [one] = (await sealedBatch()) as [{ header: Uint8Array; proof: Uint8Array }];
  assert.equal(await verifier.verify(one, author), true);
  const proof = one.proof.slice();
  proof[10] = (proof[10] as number) ^ 1;
  assert.equal(await verifier.verify({ header: one.header, proof }, author), false);
  assert.equal(await verifier.verify({ header: one.header, proof }, author), false);
  assert.equal(calls.verify, 3);
});

test('the memory of valid roots is bounded', async () => {
  const { crypto, calls } = counted();
  const verifier = createSealVerifier({ crypto, systemId: 'sys1a' }, { maxRoots: 2 });
  const singles = await Promise.all(
    headers.slice(0, 3).map(async (header) => {
      const [sealed] = await seal({ crypto, signer, systemId: 'sys1a' }, [header]);
      return { header, proof: (sealed as { proof: Uint8Array }).proof };
    }),
  );
  for (const single of singles) await verifier.verify(single, author);
  await verifier.verify(singles[2] as (typeof singles)[0], author);
  assert.equal(calls.verify, 3);
  await verifier.verify(singles[0] as (typeof singles)[0], author);
  assert.equal(calls.verify, 4);
});
