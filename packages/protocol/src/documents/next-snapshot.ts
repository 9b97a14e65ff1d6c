/** Signing as the admin of a system: snapshots that follow each other. */
import type { Crypto, Signer } from '../crypto.ts';
import { formatTimestamp, parseTimestamp } from '../time.ts';
import type { AdminProof, DocumentHash, Member, Snapshot } from './bodies.ts';
import { type SignedDocument, signDocument } from './document.ts';
import { snapshotDocument } from './snapshot.ts';

/** A key and the proof that makes it an admin's. */
export interface Admin {
  readonly signer: Signer;
  readonly proof: SignedDocument<AdminProof>;
}

/** What a snapshot follows: another one, or the genesis before the first. */
export interface Predecessor {
  readonly epoch: number;
  readonly hash: DocumentHash;
  readonly issuedAtMs: number;
}

export interface SnapshotTerms {
  /** In any order. */
  readonly members: readonly Member[];
  readonly nowMs: number;
  /** For a majority that is lost; needs the scope `members:force`. */
  readonly force?: boolean;
  /** Branches that lost and whose removals this one has seen. */
  readonly merges?: readonly DocumentHash[];
}

export function asPredecessor({ body, hash }: SignedDocument<Snapshot>): Predecessor {
  return { epoch: body.epoch, hash, issuedAtMs: parseTimestamp(body.issuedAt) };
}

/** The snapshot after `previous`, signed by the admin. @throws P2posError DOCUMENT_MALFORMED */
export function signSnapshot(
  { signer, proof }: Admin,
  previous: Predecessor,
  { members, nowMs, force = false, merges = [] }: SnapshotTerms,
  crypto: Crypto,
): Promise<SignedDocument<Snapshot>> {
  const snapshot: Snapshot = {
    version: 1,
    systemId: proof.body.systemId,
    epoch: previous.epoch + 1,
    previous: previous.hash,
    merges,
    // Never before its predecessor, even where this machine's clock was set back.
    issuedAt: formatTimestamp(Math.max(nowMs, previous.issuedAtMs)),
    issuerPeerId: proof.body.adminPeerId,
    members: members.toSorted((a, b) => (a.peerId < b.peerId ? -1 : 1)),
    force,
    adminProof: proof.bytes,
  };
  return signDocument(snapshotDocument, snapshot, [signer], crypto);
}
