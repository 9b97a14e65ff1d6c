/** The proof that makes a key an admin's: signed by a system key that is at hand, renewed in time, read from its file. */
import { readFileSync } from 'node:fs';
import {
  type AdminProof,
  adminProofDocument,
  type DocumentKind,
  decodeDocument,
  P2posError,
  parseTimestamp,
  proofBody,
  type SignedDocument,
  type Signer,
  signDocument,
} from '@p2pos/protocol';
import { reasonOf } from '../json-file.ts';
import { crypto } from '../keys.ts';

/** From so long before its end a proof is renewed where the system key is at hand. */
const PROOF_RENEWAL_MS = 14 * 86_400_000;

/** All that an admin can be given, for 90 days. */
export function signAdminProof(
  systemId: string,
  admin: Signer,
  systemKey: Signer,
  nowMs: number,
): Promise<SignedDocument<AdminProof>> {
  const proof = proofBody({ systemId, admin: admin.publicKey, nowMs });
  return signDocument(adminProofDocument, proof, [systemKey], crypto);
}

export function needsRenewal({ body }: SignedDocument<AdminProof>, nowMs: number): boolean {
  return parseTimestamp(body.validTo) - nowMs < PROOF_RENEWAL_MS;
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
