/**
 * The word of a member that a snapshot reached it in time, first-hand. It covers the snapshot's hash and travels beside
 * the document, whose own bytes it does not change.
 */
import { z } from 'zod';
import { peerIdSchema, signatureSchema } from '../contract/schema.ts';
import type { Crypto, Signer } from '../crypto.ts';
import { peerIdFromPublicKey, publicKeyFromPeerId } from '../peer-id.ts';
import type { DocumentHash } from './bodies.ts';
import { signingInput } from './document.ts';

export const COUNTERSIGNATURE_PURPOSE = 'p2pos/snapshot-countersign/1';

export interface Countersignature {
  readonly peerId: string;
  readonly signature: Uint8Array;
}

export const countersignatureFields = { peerId: peerIdSchema, signature: signatureSchema };
export const countersignatureSchema = z.strictObject(
  countersignatureFields,
) satisfies z.ZodType<Countersignature>;

export async function countersign(snapshotHash: DocumentHash, signer: Signer): Promise<Countersignature> {
  const signature = await signer.sign(signingInput(COUNTERSIGNATURE_PURPOSE, snapshotHash));
  return { peerId: peerIdFromPublicKey(signer.publicKey), signature };
}

/** Whether the signature is the named peer's. That the peer is a member is the caller's to check. @throws P2posError PEER_ID_INVALID */
export function verifyCountersignature(
  snapshotHash: DocumentHash,
  { peerId, signature }: Countersignature,
  crypto: Pick<Crypto, 'verify'>,
): Promise<boolean> {
  return crypto.verify(
    publicKeyFromPeerId(peerId),
    signingInput(COUNTERSIGNATURE_PURPOSE, snapshotHash),
    signature,
  );
}
