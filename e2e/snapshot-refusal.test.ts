/** The exact code of each snapshot that must not count; the membership suite checks only that they differ. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  adminProofDocument,
  decodeDocument,
  formatTimestamp,
  type Snapshot,
  signDocument,
  snapshotDocument,
} from '@p2pos/protocol';
import { createKeyFile, crypto, readKeyFile } from '../packages/cli/src/keys.ts';
import { readDocument, signAdminProof } from '../packages/cli/src/members/authority.ts';
import { startDev } from './harness.ts';

const YEAR_MS = 365 * 86_400_000;

test('T2, T4: over HTTP each refused snapshot has its own status and code, after a restart too', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 1 });
  const system = (name: string) => join(dev.home, 'system', name);
  const call = async (init: RequestInit = {}) =>
    fetch(`${dev.node(0).http}/v1/members/snapshot`, {
      ...init,
      headers: { authorization: `Bearer ${dev.token(0)}`, 'content-type': 'application/cbor' },
    });
  const inForce = async () => new Uint8Array(await (await call()).arrayBuffer());
  const admin = readKeyFile(system('admin.key'));
  const proof = readDocument(adminProofDocument, system('admin-proof.cbor'));
  const current = decodeDocument(snapshotDocument, await inForce(), crypto);
  const next: Snapshot = {
    ...current.body,
    epoch: current.body.epoch + 1,
    previous: current.hash,
    issuedAt: formatTimestamp(Date.now()),
  };
  const stranger = createKeyFile(join(dev.home, 'stranger.key'));
  const forged = await signAdminProof(proof.body.systemId, stranger, stranger, Date.now());
  const refusal = async (change: Partial<Snapshot>, signer = admin) => {
    const { bytes } = await signDocument(snapshotDocument, { ...next, ...change }, [signer], crypto);
    const response = await call({ method: 'POST', body: new Uint8Array(bytes) });
    return `${response.status} ${((await response.json()) as { code?: string }).code}`;
  };
  const refusals = async () => ({
    future: await refusal({ issuedAt: formatTimestamp(Date.now() + YEAR_MS) }),
    gap: await refusal({ epoch: next.epoch + 1 }),
    foreignIssuer: await refusal({ issuerPeerId: forged.body.adminPeerId }, stranger),
    forgedProof: await refusal({ issuerPeerId: forged.body.adminPeerId, adminProof: forged.bytes }, stranger),
    wrongSigner: await refusal({}, stranger),
  });
  const expected = {
    future: '400 SNAPSHOT_DATE',
    gap: '409 SNAPSHOT_EPOCH_GAP',
    foreignIssuer: '403 SNAPSHOT_NOT_ADMIN',
    forgedProof: '403 SNAPSHOT_PROOF_SIGNATURE',
    wrongSigner: '403 SNAPSHOT_SIGNATURE',
  };
  assert.deepEqual(await refusals(), expected);
  await dev.end();
  await dev.start();
  assert.deepEqual(await refusals(), expected);
  assert.deepEqual(await inForce(), new Uint8Array(current.bytes));
});
