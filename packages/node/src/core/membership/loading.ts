/** Reads back what an earlier run stored. Everything is verified again; what is damaged is left out and asked for anew. */
import {
  type Crypto,
  decodeDocument,
  followsFrom,
  type Genesis,
  genesisDocument,
  keyRotationDocument,
  type Member,
  revocationDocument,
  type Signed,
  snapshotDocument,
  systemIdOf,
  toHex,
  verifyCountersignature,
} from '@p2pos/protocol';
import {
  type CarriedDocument,
  type DocumentName,
  type Documents,
  type Examiner,
  mayCountersign,
  memberChanges,
  SnapshotTree,
} from '@p2pos/protocol/membership';
import type { Logger } from '../log/index.ts';
import type { Archive } from './archive.ts';

export interface LoadingDeps {
  readonly archive: Archive;
  readonly examiner: Examiner;
  readonly crypto: Crypto;
  readonly log: Logger;
}

/** Undefined where no genesis of the system is stored. */
export async function loadDocuments(deps: LoadingDeps, systemId: string): Promise<Documents | undefined> {
  const genesis = await loadGenesis(deps, systemId);
  if (!genesis) return undefined;
  const documents: Documents = {
    genesis,
    rotations: new Map(),
    revocations: new Map(),
    snapshots: new SnapshotTree(genesis.hash),
  };
  await loadRotations(deps, documents);
  await loadRevocations(deps, documents);
  await loadSnapshots(deps, documents, systemId);
  return documents;
}

/** Calls `take` for each stored document; what it throws, or a hash that differs, leaves the document out. */
async function forEach(
  { archive, log }: LoadingDeps,
  kind: DocumentName,
  take: (carried: CarriedDocument) => Promise<string>,
): Promise<void> {
  for await (const carried of archive.all(kind)) {
    try {
      const hash = await take(carried);
      if (hash !== carried.hash) throw new Error(`its hash is ${hash}`);
    } catch (error) {
      log.error(
        { action: 'membership_reload', kind, hash: carried.hash, epoch: carried.epoch, error },
        'a stored document is damaged and left out; it will be asked of other nodes',
      );
    }
  }
}

async function loadGenesis(deps: LoadingDeps, systemId: string): Promise<Signed<Genesis> | undefined> {
  let found: Signed<Genesis> | undefined;
  await forEach(deps, 'genesis', async ({ bytes }) => {
    const document = decodeDocument(genesisDocument, bytes, deps.crypto);
    const own = systemIdOf(document.hash);
    if (own !== systemId) throw new Error(`it is the genesis of ${own}`);
    found = await deps.examiner.signed(genesisDocument, document);
    return found.hash;
  });
  return found;
}

async function loadRotations(deps: LoadingDeps, { genesis, rotations }: Documents): Promise<void> {
  await forEach(deps, 'rotation', async ({ bytes }) => {
    const document = decodeDocument(keyRotationDocument, bytes, deps.crypto);
    const rotation = await deps.examiner.signed(keyRotationDocument, document);
    const previous = toHex(document.body.previous);
    const parent = previous === genesis.hash ? genesis : rotations.get(previous);
    if (!parent || !followsFrom(parent, rotation)) throw new Error('it does not follow from those before it');
    rotations.set(rotation.hash, rotation);
    return rotation.hash;
  });
}

async function loadRevocations(deps: LoadingDeps, { revocations }: Documents): Promise<void> {
  await forEach(deps, 'revocation', async ({ bytes }) => {
    const document = decodeDocument(revocationDocument, bytes, deps.crypto);
    const revocation = await deps.examiner.signed(revocationDocument, document);
    revocations.set(revocation.hash, revocation);
    return revocation.hash;
  });
}

/**
 * Signatures and links are verified again; scopes, dates and losses were judged when the snapshot was accepted, and
 * once stored it stays in force.
 */
async function loadSnapshots(deps: LoadingDeps, { snapshots }: Documents, systemId: string): Promise<void> {
  let epoch = 0;
  let parents = new Map<string, readonly Member[]>([[snapshots.root, []]]);
  let siblings = new Map<string, readonly Member[]>();
  await forEach(deps, 'snapshot', async ({ bytes, countersignature: word }) => {
    const document = decodeDocument(snapshotDocument, bytes, deps.crypto);
    const { hash, body, proof, signedByIssuer } = await deps.examiner.snapshot(document);
    if (body.epoch > epoch) {
      if (epoch > 0) parents = siblings;
      siblings = new Map();
      epoch = body.epoch;
    }
    const previous = toHex(body.previous);
    const before = parents.get(previous);
    const after = snapshots.get(previous)?.epoch ?? 0;
    if (!before || body.epoch !== after + 1) throw new Error('the snapshot before it is missing');
    if (body.systemId !== systemId || !signedByIssuer || proof.body.adminPeerId !== body.issuerPeerId) {
      throw new Error('it is not signed by its issuer for this system');
    }
    if (body.epoch > 1) {
      const counts = word && mayCountersign(before, word.peerId, body.issuedAt);
      if (!counts || !(await verifyCountersignature(document.hash, word, deps.crypto))) {
        throw new Error('the countersignature does not verify');
      }
    }
    const changes = memberChanges(before, body.members);
    snapshots.add({
      hash,
      epoch: body.epoch,
      previous,
      issuedAt: body.issuedAt,
      added: changes.added.map(({ peerId }) => peerId),
      removed: changes.removed.map(({ peerId }) => peerId),
      merges: body.merges.map(toHex),
      proof,
    });
    siblings.set(hash, body.members);
    return hash;
  });
}
