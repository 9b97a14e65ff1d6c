/** Reads documents and verifies their signatures: bytes in, facts for the pure rules out. */
import {
  type AdminProof,
  adminProofDocument,
  type Crypto,
  type DocumentKind,
  decodeDocument,
  type Proof,
  publicKeyFromPeerId,
  type Signed,
  type SignedDocument,
  type Snapshot,
  snapshotDocument,
  toHex,
  verifiedKeys,
} from '../index.ts';
import type { Candidate } from './rules.ts';

/** Few admins are in office at once; the bound guards against strangers who make up proofs. */
const MAX_CACHED_PROOFS = 256;

export interface ExaminedSnapshot extends Candidate {
  readonly document: SignedDocument<Snapshot>;
  readonly hash: string;
}

export interface Examiner {
  /** @throws P2posError DOCUMENT_MALFORMED */
  snapshot(document: SignedDocument<Snapshot>): Promise<ExaminedSnapshot>;
  /** The document with the keys that really signed it. */
  signed<B>(kind: DocumentKind<B>, document: SignedDocument<B>): Promise<Signed<B>>;
}

export function createExaminer(crypto: Crypto): Examiner {
  const proofs = new Map<string, Proof>();

  async function signed<B>(kind: DocumentKind<B>, document: SignedDocument<B>): Promise<Signed<B>> {
    const keys = await verifiedKeys(kind, document, crypto);
    return { hash: toHex(document.hash), body: document.body, signers: new Set(keys.map(toHex)) };
  }

  /** By the bytes' hash, signatures included: a copy with other signatures is another proof. */
  async function proofOf(bytes: Uint8Array): Promise<Proof> {
    const name = toHex(crypto.sha256(bytes));
    const known = proofs.get(name);
    if (known) return known;
    const proof = await signed<AdminProof>(
      adminProofDocument,
      decodeDocument(adminProofDocument, bytes, crypto),
    );
    if (proofs.size >= MAX_CACHED_PROOFS) proofs.delete(proofs.keys().next().value as string);
    proofs.set(name, proof);
    return proof;
  }

  return {
    signed,
    async snapshot(document) {
      const { body } = document;
      const issuer = publicKeyFromPeerId(body.issuerPeerId);
      const keys = await verifiedKeys(snapshotDocument, document, crypto, [issuer]);
      const proof = await proofOf(body.adminProof);
      return { document, hash: toHex(document.hash), body, proof, signedByIssuer: keys.length === 1 };
    },
  };
}
