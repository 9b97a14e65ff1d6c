/** What system keys are asked to sign, made from the root of trust as a node holds it; and the request that is looked at. */
import {
  createRequest,
  formatTimestamp,
  fromBase64url,
  fromHex,
  type KeyRotation,
  type ProofTerms,
  proofBody,
  type Revocation,
  readRoot,
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

export interface RevocationTerms {
  /** Greater than that of every revocation before. */
  readonly epoch: number;
  readonly serials: readonly { readonly serial: string; readonly lastGood: string | undefined }[];
  readonly peerIds: readonly string[];
}

export async function askRevocation(
  source: Source,
  { epoch, serials, peerIds }: RevocationTerms,
): Promise<SigningRequest> {
  const { systemId, root } = await rootOf(source);
  const body: Revocation = {
    version: 1,
    systemId,
    epoch,
    createdAt: formatTimestamp(Date.now()),
    serials: serials.map(({ serial, lastGood }) => ({
      serial,
      ...(lastGood !== undefined && { lastGoodSnapshot: fromHex(lastGood) }),
    })),
    peerIds: [...peerIds],
  };
  return createRequest('revocation', body, root, crypto);
}

export interface RotationTerms {
  readonly keys: readonly Uint8Array[];
  readonly threshold: number;
  readonly keptSerials: readonly string[];
}

export async function askRotation(source: Source, terms: RotationTerms): Promise<SigningRequest> {
  const { systemId, root } = await rootOf(source);
  const read = await readChain(root);
  const body: KeyRotation = {
    ...terms,
    version: read.version + 1,
    systemId,
    createdAt: formatTimestamp(Date.now()),
    previous: fromHex(read.head),
  };
  return createRequest('rotation', body, root, crypto);
}

async function readChain(root: readonly Uint8Array[]) {
  const { chain } = await readRoot(root, crypto);
  const link = chain.links.at(-1);
  if (!link) throw new Error('a root begins with its genesis');
  return { head: link.hash, version: link.version };
}
