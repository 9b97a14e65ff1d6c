import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Member, type SignedDocument, type Snapshot, toHex } from '@p2pos/protocol';
import type { DocumentName } from '@p2pos/protocol/membership';
import { createTestSystem, type TestSystem } from '../../../node/src/testing/test-system.ts';
import { createPageCrypto } from './page-crypto.ts';
import { createPageMembership } from './page-membership.ts';

const signal = new AbortController().signal;
const now = () => Date.UTC(2026, 0, 1);

async function setUp(system: TestSystem) {
  let changes = 0;
  const membership = createPageMembership(
    { crypto: createPageCrypto(), clock: { now } },
    { systemId: system.systemId, onChange: () => changes++ },
  );
  async function hand(
    kind: DocumentName,
    { bytes }: { readonly bytes: Uint8Array },
    countersignature?: { peerId: string; signature: Uint8Array },
  ): Promise<string> {
    const verdict = await membership.submit({ kind, bytes, from: 'a peer', countersignature }, { signal });
    return verdict.result === 'refused' ? verdict.error.code : verdict.result;
  }
  /** As it travels: with the word of a member of the one before. */
  async function handOn(snapshot: SignedDocument<Snapshot>, by = 0): Promise<string> {
    return hand('snapshot', snapshot, await system.countersign(snapshot, by));
  }
  return { membership, hand, handOn, changes: () => changes };
}

const names = (members: ReadonlyMap<string, Member>) => [...members.values()].map(({ name }) => name).sort();

test('a page comes to the members by documents alone, each verified from the system id up', async () => {
  const system = await createTestSystem({ nodes: 4 });
  const { membership, hand, handOn, changes } = await setUp(system);
  const first = await system.first(system.members([0, 1, 2]));
  assert.equal(await hand('snapshot', first), 'GENESIS_UNKNOWN');
  assert.equal(await hand('genesis', system.genesis), 'applied');
  assert.equal(await hand('snapshot', first), 'applied');
  const second = await system.snapshot({ after: first, members: system.members() });
  assert.equal(await hand('snapshot', second), 'SNAPSHOT_COUNTERSIGNATURE_MISSING');
  assert.equal(await handOn(second), 'applied');
  assert.deepEqual(names(membership.view().members), ['node0', 'node1', 'node2', 'node3']);
  assert.equal(membership.heads().epoch, 2);
  assert.equal(changes(), 2);
  assert.deepEqual(
    membership.documents('snapshots').map(({ hash }) => hash),
    [toHex(first.hash), toHex(second.hash)],
  );
});

test('what was tampered with, or signed by who may not, is refused, and what was there stays', async () => {
  const system = await createTestSystem({ nodes: 3 });
  const other = await createTestSystem({ nodes: 3, seed: 'other' });
  const { membership, hand, handOn } = await setUp(system);
  assert.equal(await hand('genesis', other.genesis), 'GENESIS_MISMATCH');
  await hand('genesis', system.genesis);
  const first = await system.first();
  await hand('snapshot', first);

  const honest = await system.snapshot({ after: first, members: system.members([0, 1]) });
  const tampered = honest.bytes.slice();
  const place = Buffer.from(tampered).indexOf('node1');
  tampered[place] = 'm'.charCodeAt(0);
  assert.equal(await handOn({ ...honest, bytes: tampered }), 'SNAPSHOT_SIGNATURE');
  const thief = await system.snapshot({
    after: first,
    members: system.members([0, 1]),
    signer: system.identity('thief').signer,
  });
  assert.equal(await handOn(thief), 'SNAPSHOT_SIGNATURE');
  const selfMade = await system.createAdmin('self', {}, [system.identity('self').signer]);
  const usurped = await system.snapshot({ after: first, members: system.members([0, 1]), admin: selfMade });
  assert.equal(await handOn(usurped), 'SNAPSHOT_PROOF_SIGNATURE');
  const stranger = await system.countersign(honest, system.identity('stranger'));
  assert.equal(await hand('snapshot', honest, stranger), 'SNAPSHOT_COUNTERSIGNATURE_MISSING');
  assert.equal(await hand('snapshot', { bytes: honest.bytes.subarray(0, 50) }), 'DOCUMENT_MALFORMED');
  assert.equal(membership.view().epoch, 1);
  assert.equal(await handOn(honest), 'applied');
});

test('a revocation takes its peers out of the members', async () => {
  const system = await createTestSystem({ nodes: 3 });
  const { membership, hand } = await setUp(system);
  await hand('genesis', system.genesis);
  await hand('snapshot', await system.first());
  const { peerId } = system.nodes[2] as { peerId: string };
  const forged = await system.revocation({ peerIds: [peerId] }, [system.identity('thief').signer]);
  assert.equal(await hand('revocation', forged), 'REVOCATION_SIGNATURE');
  assert.equal(membership.isActive(peerId), true);
  assert.equal(await hand('revocation', await system.revocation({ peerIds: [peerId] })), 'applied');
  assert.equal(membership.isActive(peerId), false);
  assert.deepEqual(names(membership.view().members), ['node0', 'node1']);
});
