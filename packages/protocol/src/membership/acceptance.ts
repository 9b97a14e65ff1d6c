/** Judges what was handed in against what is held; changes nothing. Each refusal is a P2posError with its own code. */
import { z } from 'zod';
import {
  type Countersignature,
  type Crypto,
  countersign,
  decodeDocument,
  formatTimestamp,
  fromHex,
  genesisDocument,
  isRevocationSigned,
  judgeRotation,
  type KeyRotation,
  keyRotationDocument,
  openEnvelope,
  P2posError,
  type PublicKey,
  type RootChain,
  readDocument,
  revocationDocument,
  type SealedDocument,
  type Signed,
  type SignedDocument,
  type Signer,
  type Snapshot,
  snapshotDocument,
  systemIdOf,
  systemIdSchema,
  toHex,
  verifiedKeys,
  verifyCountersignature,
} from '../index.ts';
import type { CarriedDocument, Submission } from './carried.ts';
import type { ReplicasOf } from './changes.ts';
import { type Examiner, readFields } from './examination.ts';
import type { Accepted, Held } from './holding.ts';
import {
  FIRST_HAND_WINDOW_MS,
  judgeDate,
  judgeIssuer,
  judgeStep,
  mayCountersign,
  type Parent,
} from './rules.ts';
import type { Documents, HeldSnapshot } from './standing.ts';

export const KINDS = {
  genesis: genesisDocument,
  rotation: keyRotationDocument,
  revocation: revocationDocument,
  snapshot: snapshotDocument,
} as const;

/**
 * Snapshots after one parent and under one proof that are kept. The share is the proof's, so that no admin can close a
 * place to the others; void ones count too, so that what a node keeps there is bounded by what the system keys signed.
 */
const MAX_BRANCHES = 64;

export interface AcceptanceDeps {
  readonly systemId: string;
  readonly crypto: Crypto;
  readonly examiner: Examiner;
  /** Who gives its word for a snapshot that comes first-hand; absent: none is taken first-hand. */
  readonly identity?: { readonly peerId: string; readonly signer: Signer } | undefined;
  readonly replicasOf: ReplicasOf;
  /** ms since the Unix epoch, corrected by other members' clocks. */
  readonly now: () => number;
  readonly isActive: (peerId: string) => boolean;
  readonly snapshotOf: (hash: string) => Promise<Snapshot | undefined>;
}

/** Undefined: it is held already, or gives way to another; nothing to do. @throws P2posError */
export type Judge = (submission: Submission, held: Held | undefined) => Promise<Accepted | undefined>;

export function createJudge(deps: AcceptanceDeps): Judge {
  const { systemId, crypto, examiner } = deps;

  function requireSystem(kind: string, found: string): void {
    if (found !== systemId) throw new P2posError('SYSTEM_MISMATCH', { kind, found, expected: systemId });
  }

  async function genesis({ bytes }: Submission, held: Held | undefined): Promise<Accepted | undefined> {
    const document = decodeDocument(genesisDocument, bytes, crypto);
    const found = systemIdOf(document.hash);
    if (found !== systemId) throw new P2posError('GENESIS_MISMATCH', { found, expected: systemId });
    if (held) return undefined;
    const signed = await examiner.signed(genesisDocument, document);
    return { kind: 'genesis', held: signed, carried: carry('genesis', document, 0) };
  }

  async function rotation(
    { bytes }: Submission,
    { documents, meaning }: Held,
  ): Promise<Accepted | undefined> {
    const document = decodeDocument(keyRotationDocument, bytes, crypto);
    requireSystem('key rotation', document.body.systemId);
    const latest = formatTimestamp(deps.now() + FIRST_HAND_WINDOW_MS);
    const judged = (signed: Signed<KeyRotation>) =>
      judgeRotation(meaning.roots, documents.rotations, signed, latest);
    if (!judged(claimed(document, document.body))) return undefined;
    const among = [...rootKeys(meaning.roots), ...document.body.keys];
    const signed = await examiner.signed(keyRotationDocument, document, among);
    const displaced = judged(signed);
    const carried = carry('rotation', document, document.body.version);
    return displaced && { kind: 'rotation', held: signed, displaced, carried };
  }

  async function revocation(
    { bytes }: Submission,
    { documents, meaning }: Held,
  ): Promise<Accepted | undefined> {
    const sealed = openEnvelope(revocationDocument, bytes, crypto);
    if (documents.revocations.has(toHex(sealed.hash))) return undefined;
    requireSystem('revocation', readFields(revocationDocument, ofSystem, sealed).systemId);
    const requireSigned = (signed: Signed<unknown>) => {
      if (!isRevocationSigned(meaning.roots, signed)) throw new P2posError('REVOCATION_SIGNATURE');
    };
    requireSigned(claimed(sealed, undefined));
    const keys = await verifiedKeys(revocationDocument, sealed, crypto, rootKeys(meaning.roots));
    const signers = new Set(keys.map(toHex));
    requireSigned({ hash: toHex(sealed.hash), body: undefined, signers });
    const document = readDocument(revocationDocument, sealed);
    const signed = { hash: toHex(document.hash), body: document.body, signers };
    return { kind: 'revocation', held: signed, carried: carry('revocation', document, document.body.epoch) };
  }

  async function snapshot(submission: Submission, held: Held): Promise<Accepted | undefined> {
    const { documents, meaning } = held;
    const sealed = openEnvelope(snapshotDocument, submission.bytes, crypto);
    const hash = toHex(sealed.hash);
    if (documents.snapshots.get(hash)) return undefined;
    const issuance = await examiner.issuance(sealed);
    judgeIssuer(issuance, systemId, meaning.roots);

    const document = readDocument(snapshotDocument, sealed);
    const { body } = document;
    const { proof } = issuance;
    const candidate = { ...issuance, body };
    const isFirst = body.epoch === 1;
    const given = isFirst ? undefined : submission.countersignature;
    if (!given) judgeDate(body, deps.now());
    const parent = await parentOf(body, documents);
    const { slots } = documents.genesis.body;
    const changes = judgeStep(candidate, parent, meaning.roots, { slots, replicasOf: deps.replicasOf });
    const node: HeldSnapshot = {
      hash,
      epoch: body.epoch,
      previous: toHex(body.previous),
      issuedAt: body.issuedAt,
      added: changes.added.map(({ peerId }) => peerId),
      removed: changes.removed.map(({ peerId }) => peerId),
      merges: body.merges.map(toHex),
      proof,
    };
    judgePlace(node, held, !isFirst && !given);

    let word = given;
    if (given) await requireCountersignature(document, parent, given);
    else if (!isFirst) {
      // Who holds a child of that parent, or has it on a branch that lost, does not give its word.
      if (node.previous !== headOf(held)) return undefined;
      word = await countersignAs(document, parent);
    }
    return {
      kind: 'snapshot',
      held: node,
      document,
      issuer: body.issuerPeerId,
      carried: carry('snapshot', document, body.epoch, word),
    };
  }

  async function parentOf(body: Snapshot, { genesis: root, snapshots }: Documents): Promise<Parent> {
    const previous = toHex(body.previous);
    if (previous === root.hash) return { epoch: 0, issuedAt: undefined, members: [] };
    const held = snapshots.get(previous) && (await deps.snapshotOf(previous));
    if (!held) throw new P2posError('SNAPSHOT_PREVIOUS_UNKNOWN', { previous });
    return held;
  }

  async function requireCountersignature(
    { hash, body }: SignedDocument<Snapshot>,
    parent: Parent,
    word: Countersignature,
  ): Promise<void> {
    const refuse = (reason: string) => new P2posError('SNAPSHOT_COUNTERSIGNATURE_MISSING', { reason });
    if (!mayCountersign(parent.members, word.peerId, body.issuedAt)) {
      throw refuse(`${word.peerId}, who countersigned it, was no member there`);
    }
    if (!(await verifyCountersignature(hash, word, crypto))) {
      throw refuse(`the countersignature of ${word.peerId} does not verify`);
    }
  }

  async function countersignAs(
    { hash, body }: SignedDocument<Snapshot>,
    parent: Parent,
  ): Promise<Countersignature> {
    const { identity } = deps;
    if (
      !identity ||
      !deps.isActive(identity.peerId) ||
      !mayCountersign(parent.members, identity.peerId, body.issuedAt)
    ) {
      throw new P2posError('SNAPSHOT_COUNTERSIGNATURE_MISSING', { reason: 'this node is no member there' });
    }
    return countersign(hash, identity.signer);
  }

  return async (submission, held) => {
    if (submission.kind === 'genesis') return genesis(submission, held);
    if (!held) throw new P2posError('GENESIS_UNKNOWN', { systemId });
    if (submission.kind === 'rotation') return rotation(submission, held);
    if (submission.kind === 'revocation') return revocation(submission, held);
    return snapshot(submission, held);
  };
}

const ofSystem = z.object({ systemId: systemIdSchema });

/** As if all signatures were good: what fails even so needs none verified, which is what costs. */
function claimed<B>({ hash, signatures }: SealedDocument, body: B): Signed<B> {
  return { hash: toHex(hash), body, signers: new Set(signatures.map(({ key }) => toHex(key))) };
}

function rootKeys({ links }: RootChain): PublicKey[] {
  return [...new Set(links.flatMap(({ keys }) => [...keys]))].map(fromHex);
}

function headOf({ documents, meaning }: Held): string {
  return meaning.chain.at(-1)?.hash ?? documents.genesis.hash;
}

/** Whether the tree has room for it where it wants to stand. */
function judgePlace(node: HeldSnapshot, held: Held, firstHand: boolean): void {
  const { meaning, documents } = held;
  const { serial } = node.proof.body;
  const standing = meaning.standing(node);
  if (standing === 'void') throw new P2posError('SNAPSHOT_REVOKED', { serial, head: headOf(held) });
  if (standing === 'waiting' && firstHand) throw new P2posError('SNAPSHOT_WAITING', { serial });
  const founding = meaning.chain[0];
  if (node.epoch === 1 && founding && meaning.chain.length > 1 && founding.hash !== node.hash) {
    throw new P2posError('SNAPSHOT_FOUNDED', { founding: founding.hash, head: headOf(held) });
  }
  const siblings = documents.snapshots.children(node.previous);
  const count = siblings.filter(({ proof }) => proof.hash === node.proof.hash).length;
  if (count >= MAX_BRANCHES) {
    throw new P2posError('SNAPSHOT_BRANCHES_FULL', { count, previous: node.previous, serial });
  }
}

function carry(
  kind: Submission['kind'],
  { bytes, hash }: SignedDocument<unknown>,
  epoch: number,
  countersignature?: Countersignature,
): CarriedDocument {
  return { kind, hash: toHex(hash), epoch, bytes, countersignature };
}
