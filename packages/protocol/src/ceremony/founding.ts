/** Founding a system where all its keys are at hand: the genesis, the first admin, and the transcript that begins with both. */
import type { Crypto } from '../crypto.ts';
import { adminProofDocument } from '../documents/admin-proof.ts';
import type { AdminProof, Genesis, SystemId } from '../documents/bodies.ts';
import { decodeDocument, type SignedDocument } from '../documents/document.ts';
import { genesisDocument } from '../documents/genesis.ts';
import { formatTimestamp } from '../time.ts';
import { proofBody } from './proof.ts';
import { createRequest } from './request.ts';
import { signWithAll } from './share.ts';
import type { StatedKey } from './statement.ts';
import { appendToTranscript, type TranscriptEntry } from './transcript.ts';

export interface FoundingPlan {
  readonly name: string;
  /** How many of the system keys must sign. */
  readonly threshold: number;
  /** How many of the release keys must sign; 0 where there are none. */
  readonly releaseThreshold: number;
  readonly nowMs: number;
  /** How long the first admin is one. Default: 90 days. */
  readonly days?: number;
}

export interface FoundingKeys {
  readonly system: readonly StatedKey[];
  readonly release: readonly StatedKey[];
  readonly admin: StatedKey;
}

export interface Founding {
  readonly systemId: SystemId;
  readonly genesis: SignedDocument<Genesis>;
  readonly proof: SignedDocument<AdminProof>;
  readonly transcript: string;
}

const SLOTS = 4_096;

export function genesisBody(
  { name, threshold, releaseThreshold, nowMs }: FoundingPlan,
  systemKeys: readonly Uint8Array[],
  releaseKeys: readonly Uint8Array[],
): Genesis {
  return {
    version: 1,
    name,
    createdAt: formatTimestamp(nowMs),
    admission: 'closed',
    slots: SLOTS,
    systemKeys,
    threshold,
    releaseKeys,
    releaseThreshold,
  };
}

/** @throws P2posError DOCUMENT_MALFORMED for a name or threshold that cannot be */
export async function foundSystem(
  plan: FoundingPlan,
  { system, release, admin }: FoundingKeys,
  crypto: Crypto,
): Promise<Founding> {
  const signers = system.map(({ signer }) => signer);
  const releaseKeys = release.map(({ signer }) => signer.publicKey);
  const body = genesisBody(
    plan,
    signers.map(({ publicKey }) => publicKey),
    releaseKeys,
  );
  const asked = await createRequest('genesis', body, [], crypto);
  const { systemId } = asked;
  const genesis = decodeDocument(genesisDocument, await signWithAll(asked, signers, crypto), crypto);
  const { nowMs, days } = plan;
  const terms = proofBody({
    systemId,
    admin: admin.signer.publicKey,
    nowMs,
    ...(days !== undefined && { days }),
  });
  const naming = await createRequest('admin-proof', terms, [genesis.bytes], crypto);
  const proofBytes = await signWithAll(naming, signers.slice(0, plan.threshold), crypto);
  const at = formatTimestamp(nowMs);
  const entries: TranscriptEntry[] = [
    ...[...system, ...release, admin].map(({ bytes }): TranscriptEntry => {
      return { at, kind: 'key', document: bytes };
    }),
    { at, kind: 'genesis', document: genesis.bytes },
    { at, kind: 'admin-proof', document: proofBytes },
  ];
  let transcript = '';
  for (const entry of entries) transcript = appendToTranscript(transcript, entry, crypto);
  return { systemId, genesis, proof: decodeDocument(adminProofDocument, proofBytes, crypto), transcript };
}
