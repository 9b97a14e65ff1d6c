/** Signing as the admin of a system: the proof that makes the key an admin's, and snapshots that follow each other. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  type AdminProof,
  adminProofDocument,
  type DocumentHash,
  type DocumentKind,
  decodeDocument,
  formatTimestamp,
  type Member,
  P2posError,
  parseTimestamp,
  peerIdFromPublicKey,
  type SignedDocument,
  type Signer,
  type Snapshot,
  signDocument,
  snapshotDocument,
} from '@p2pos/protocol';
import { reasonOf } from '../json-file.ts';
import { crypto } from '../keys.ts';

const DAY_MS = 86_400_000;
const PROOF_LIFETIME_MS = 90 * DAY_MS;
/** From so long before its end a proof is renewed where the system key is at hand. */
const PROOF_RENEWAL_MS = 14 * DAY_MS;

export interface Admin {
  readonly signer: Signer;
  readonly proof: SignedDocument<AdminProof>;
}

/** All that an admin can be given, for 90 days. */
export function signAdminProof(
  systemId: string,
  admin: Signer,
  systemKey: Signer,
  nowMs: number,
): Promise<SignedDocument<AdminProof>> {
  const proof: AdminProof = {
    version: 1,
    systemId,
    role: 'admin',
    adminPeerId: peerIdFromPublicKey(admin.publicKey),
    scopes: ['members:add', 'members:remove', 'members:capabilities', 'members:force'],
    validFrom: formatTimestamp(nowMs),
    validTo: formatTimestamp(nowMs + PROOF_LIFETIME_MS),
    serial: randomBytes(16).toString('hex'),
  };
  return signDocument(adminProofDocument, proof, [systemKey], crypto);
}

export function needsRenewal({ body }: SignedDocument<AdminProof>, nowMs: number): boolean {
  return parseTimestamp(body.validTo) - nowMs < PROOF_RENEWAL_MS;
}

/** What a snapshot follows: another one, or the genesis before the first. */
export interface Predecessor {
  readonly epoch: number;
  readonly hash: DocumentHash;
  readonly issuedAtMs: number;
}

export function asPredecessor({ body, hash }: SignedDocument<Snapshot>): Predecessor {
  return { epoch: body.epoch, hash, issuedAtMs: parseTimestamp(body.issuedAt) };
}

/** The snapshot after `previous` with these members, signed by the admin. */
export function signSnapshot(
  { signer, proof }: Admin,
  previous: Predecessor,
  members: readonly Member[],
  nowMs: number,
  {
    force = false,
    merges = [],
  }: { readonly force?: boolean; readonly merges?: readonly DocumentHash[] } = {},
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

/** Throws FILE_UNREADABLE, DOCUMENT_MALFORMED. */
export function readDocument<T>(kind: DocumentKind<T>, file: string): SignedDocument<T> {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new P2posError('FILE_UNREADABLE', { file, reason: reasonOf(cause) }, { cause });
  }
  return decodeDocument(kind, bytes, crypto);
}
