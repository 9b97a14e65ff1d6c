/** What system keys sign to make somebody an admin. */
import type { AdminProof, Scope } from '../documents/bodies.ts';
import { toHex } from '../encoding/hex.ts';
import { peerIdFromPublicKey } from '../peer-id.ts';
import { formatTimestamp } from '../time.ts';

const DAY_MS = 86_400_000;
/** Every scope, each without a zone. */
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
  /** From when it is valid, ms since the epoch. */
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
    serial: toHex(globalThis.crypto.getRandomValues(new Uint8Array(16))),
  };
}
