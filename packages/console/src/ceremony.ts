/** What system keys are asked to sign, made from the root of trust as a node holds it; and the request that is looked at. */
import {
  createRequest,
  fromBase64url,
  type ProofTerms,
  proofBody,
  type RevocationTerms,
  type RotationTerms,
  readRoot,
  revocationBody,
  rotationBody,
  type SigningRequest,
} from '@p2pos/protocol';
import { shallowRef } from 'vue';
import { crypto } from './crypto.ts';
import type { Source } from './source.ts';

/** Carried from the view that made it to the one where it is signed. */
export const prepared = shallowRef<SigningRequest>();

async function rootOf(source: Source) {
  const { documents, systemId } = await source.root();
  return { systemId, root: documents.map(fromBase64url) };
}

export async function askProof(
  source: Source,
  terms: Omit<ProofTerms, 'systemId' | 'nowMs'>,
): Promise<SigningRequest> {
  const { systemId, root } = await rootOf(source);
  return createRequest('admin-proof', proofBody({ ...terms, systemId, nowMs: Date.now() }), root, crypto);
}

export async function askRevocation(source: Source, terms: RevocationTerms): Promise<SigningRequest> {
  const { systemId, root } = await rootOf(source);
  return createRequest('revocation', revocationBody({ systemId, nowMs: Date.now() }, terms), root, crypto);
}

export async function askRotation(source: Source, terms: RotationTerms): Promise<SigningRequest> {
  const { systemId, root } = await rootOf(source);
  const { chain } = await readRoot(root, crypto);
  const body = rotationBody({ systemId, chain, nowMs: Date.now() }, terms);
  return createRequest('rotation', body, root, crypto);
}
