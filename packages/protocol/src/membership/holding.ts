/** What a peer holds: the documents and what they mean; what it tells others of it, and what one more changes. */
import {
  type Crypto,
  compareBytes,
  concatBytes,
  fromHex,
  type Genesis,
  type Hex,
  isRevocationSigned,
  type KeyRotation,
  outOfForce,
  P2posError,
  type Revocation,
  type Signed,
  type SignedDocument,
  type Snapshot,
  toHex,
} from '../index.ts';
import { SnapshotTree } from './branches.ts';
import type { CarriedDocument, DocumentList, Heads, Verdict, View } from './carried.ts';
import type { Documents, HeldSnapshot, Meaning } from './standing.ts';

/** May be stored; `held` is what is remembered of it. */
export type Accepted = { readonly carried: CarriedDocument; readonly issuer?: string } & (
  | { readonly kind: 'genesis'; readonly held: Signed<Genesis> }
  | {
      readonly kind: 'rotation';
      readonly held: Signed<KeyRotation>;
      /** Hashes of rotations that are kept no longer. */
      readonly displaced: readonly Hex[];
    }
  | { readonly kind: 'revocation'; readonly held: Signed<Revocation> }
  | { readonly kind: 'snapshot'; readonly held: HeldSnapshot; readonly document: SignedDocument<Snapshot> }
);

/** What is held now. */
export interface Held {
  readonly documents: Documents;
  readonly meaning: Meaning;
}

interface Entry {
  readonly epoch: number;
  readonly hash: string;
}

/** Equal on nodes that would answer each other nothing new. */
export function headsOf(view: View, held: Held | undefined, crypto: Pick<Crypto, 'sha256'>): Heads {
  const digest = (entries: readonly Entry[]) =>
    toHex(crypto.sha256(concatBytes(...entries.map(({ hash }) => fromHex(hash)).sort(compareBytes))));
  return {
    epoch: view.epoch,
    snapshot: toHex(view.hash),
    revocations: digest([...listed('revocations', held), ...listed('branches', held)]),
    // Who signed them decides between two, and comes later at times.
    keys: digest(
      (held?.meaning.roots.rotations ?? []).map(({ hash, version, votes }) => ({
        epoch: version,
        hash: toHex(crypto.sha256(concatBytes(...[hash, ...votes].map(fromHex)))),
      })),
    ),
  };
}

/** By (epoch, hash). What no longer counts, as void snapshots or revocations of keys beside a fork, is not passed on. */
export function listed(list: DocumentList, held: Held | undefined): readonly Entry[] {
  if (!held) return [];
  const { documents, meaning } = held;
  switch (list) {
    case 'genesis':
      return [{ epoch: 0, hash: documents.genesis.hash }];
    case 'rotations':
      return meaning.roots.rotations.map(({ version, hash }) => ({ epoch: version, hash }));
    case 'revocations':
      return [...documents.revocations.values()]
        .filter((revocation) => isRevocationSigned(meaning.roots, revocation))
        .map(({ hash, body }) => ({ epoch: body.epoch, hash }))
        .sort((a, b) => a.epoch - b.epoch || (a.hash < b.hash ? -1 : 1));
    case 'snapshots':
      return meaning.chain;
    case 'branches':
      return meaning.losers;
  }
}

/** The documents with one more; the first is the genesis. */
export function added(documents: Documents | undefined, accepted: Accepted): Documents {
  if (accepted.kind === 'genesis') {
    const genesis = accepted.held;
    return {
      genesis,
      rotations: new Map(),
      revocations: new Map(),
      snapshots: new SnapshotTree(genesis.hash),
    };
  }
  if (!documents) throw new P2posError('INTERNAL', { requestId: 'membership' });
  const { hash } = accepted.carried;
  if (accepted.kind === 'rotation') {
    for (const displaced of accepted.displaced) documents.rotations.delete(displaced);
    documents.rotations.set(hash, accepted.held);
  } else if (accepted.kind === 'revocation') documents.revocations.set(hash, accepted.held);
  else documents.snapshots.add(accepted.held);
  return documents;
}

export function verdictOf(accepted: Accepted, { meaning }: Held): Verdict {
  const { hash, epoch } = accepted.carried;
  if (accepted.kind === 'rotation') {
    if (meaning.roots.links.some((link) => link.hash === hash)) return { result: 'applied' };
    return { result: 'refused', error: outOfForce(meaning.roots, hash) };
  }
  if (accepted.kind !== 'snapshot' || meaning.chain[epoch - 1]?.hash === hash) return { result: 'applied' };
  const { serial } = accepted.held.proof.body;
  return meaning.standing(accepted.held) === 'waiting'
    ? { result: 'refused', error: new P2posError('SNAPSHOT_WAITING', { serial }) }
    : { result: 'stale' };
}
