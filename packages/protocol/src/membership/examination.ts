/** Reads documents and verifies their signatures: bytes in, facts for the pure rules out. */
import { z } from 'zod';
import {
  type AdminProof,
  adminProofDocument,
  bytesSchema,
  type Crypto,
  type DocumentKind,
  decodeCbor,
  decodeDocument,
  isP2posError,
  P2posError,
  type Proof,
  type PublicKey,
  peerIdSchema,
  publicKeyFromPeerId,
  type SealedDocument,
  type Signed,
  type SignedDocument,
  type Snapshot,
  snapshotDocument,
  systemIdSchema,
  toHex,
  verifiedKeys,
} from '../index.ts';
import type { Candidate, Issuance } from './rules.ts';

/** Few admins are in office at once; the bound guards against strangers who make up proofs. */
const MAX_CACHED_PROOFS = 256;

export interface ExaminedSnapshot extends Candidate {
  readonly document: SignedDocument<Snapshot>;
  readonly hash: string;
}

export interface Examiner {
  /** @throws P2posError DOCUMENT_MALFORMED */
  snapshot(document: SignedDocument<Snapshot>): Promise<ExaminedSnapshot>;
  /** Whose a snapshot is, at a tenth of what reading it costs. @throws P2posError DOCUMENT_MALFORMED */
  issuance(sealed: SealedDocument): Promise<Issuance>;
  /** The document with the keys that really signed it; others than `among` are not even tried. */
  signed<B>(
    kind: DocumentKind<B>,
    document: SignedDocument<B>,
    among?: readonly PublicKey[],
  ): Promise<Signed<B>>;
}

export function createExaminer(crypto: Crypto): Examiner {
  const proofs = new Map<string, Proof>();

  async function signed<B>(
    kind: DocumentKind<B>,
    document: SignedDocument<B>,
    among?: readonly PublicKey[],
  ): Promise<Signed<B>> {
    const keys = await verifiedKeys(kind, document, crypto, among);
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

  async function issuanceOf(sealed: SealedDocument, body: Named): Promise<Issuance> {
    const issuer = publicKeyFromPeerId(body.issuerPeerId);
    const proof = await proofOf(body.adminProof);
    const keys = await verifiedKeys(snapshotDocument, sealed, crypto, [issuer]);
    return { body, proof, signedByIssuer: keys.length === 1 };
  }

  return {
    signed,
    issuance: (sealed) => issuanceOf(sealed, readFields(snapshotDocument, named, sealed)),
    async snapshot(document) {
      const { body } = document;
      return { ...(await issuanceOf(document, body)), document, hash: toHex(document.hash), body };
    },
  };
}

const named = z.object({
  systemId: systemIdSchema,
  issuerPeerId: peerIdSchema,
  adminProof: bytesSchema({ min: 1, max: adminProofDocument.maxDocumentBytes }),
});
type Named = z.output<typeof named>;

/** Some fields of a body, without a look at all the others. @throws P2posError DOCUMENT_MALFORMED */
export function readFields<T>(
  { name, maxBytes }: Pick<DocumentKind<unknown>, 'name' | 'maxBytes'>,
  fields: z.ZodType<T>,
  { bodyBytes }: SealedDocument,
): T {
  let reason = 'it lacks fields that name whose it is';
  try {
    const result = fields.safeParse(decodeCbor(bodyBytes, { maxBytes }));
    if (result.success) return result.data;
  } catch (error) {
    if (!isP2posError(error)) throw error;
    reason = error.message;
  }
  throw new P2posError('DOCUMENT_MALFORMED', { kind: name, reason });
}
