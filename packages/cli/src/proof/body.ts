import { randomBytes } from 'node:crypto';
import { type AdminProof, formatTimestamp, peerIdFromPublicKey, type Scope } from '@p2pos/protocol';

const DAY_MS = 86_400_000;
export const ALL_SCOPES: readonly Scope[] = [
  'members:add',
  'members:remove',
  'members:capabilities',
  'members:force',
];

export interface ProofTerms {
  readonly systemId: string;
  /** Raw public key. */
  readonly admin: Uint8Array;
  readonly nowMs: number;
  /** Default: all. */
  readonly scopes?: readonly Scope[];
  /** Default 90. */
  readonly days?: number;
}

export function proofBody({
  systemId,
  admin,
  nowMs,
  scopes = ALL_SCOPES,
  days = 90,
}: ProofTerms): AdminProof {
  return {
    version: 1,
    systemId,
    role: 'admin',
    adminPeerId: peerIdFromPublicKey(admin),
    scopes,
    validFrom: formatTimestamp(nowMs),
    validTo: formatTimestamp(nowMs + days * DAY_MS),
    // 128 random bits: never used before.
    serial: randomBytes(16).toString('hex'),
  };
}
