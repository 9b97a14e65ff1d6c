import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  adminProofDocument,
  decodeDocument,
  genesisDocument,
  requireThreshold,
  snapshotDocument,
} from '@p2pos/protocol';
import { instantCrypto } from './instant-crypto.ts';
import { createTestSystem } from './test-system.ts';

test('a test system is the same in every run, and what it signs verifies', async () => {
  const system = await createTestSystem({ systemKeys: 3, threshold: 2 });
  const again = await createTestSystem({ systemKeys: 3, threshold: 2 });
  assert.equal(system.systemId, again.systemId);
  assert.notEqual(system.systemId, (await createTestSystem({ seed: 'other' })).systemId);

  const genesis = decodeDocument(genesisDocument, system.genesis.bytes, instantCrypto);
  const keys = genesis.body.systemKeys;
  await requireThreshold(adminProofDocument, system.admin.proof, { keys, threshold: 2 }, instantCrypto);

  const first = await system.first();
  assert.equal(first.body.members.length, 3);
  const second = await system.snapshot({ after: first, members: system.members([0, 2]) });
  assert.deepEqual(second.body.previous, first.hash);
  const issuer = { keys: [system.admin.signer.publicKey], threshold: 1 };
  await requireThreshold(snapshotDocument, second, issuer, instantCrypto);
});
