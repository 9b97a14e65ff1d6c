/** What system keys sign to replace themselves, and to take back what they gave. */
import type { DocumentHash, KeyRotation, Revocation, SystemId } from '../documents/bodies.ts';
import type { RootChain } from '../documents/roots.ts';
import { fromHex } from '../encoding/hex.ts';
import { formatTimestamp } from '../time.ts';

export interface RotationTerms {
  /** Raw public keys. */
  readonly keys: readonly Uint8Array[];
  readonly threshold: number;
  /** Hashes of the admin proofs that stay valid. */
  readonly keptProofs: readonly DocumentHash[];
  /** Hashes of the revocations that stay in force: all there are, but for those that others made with stolen keys. */
  readonly keptRevocations: readonly DocumentHash[];
}

/** After the newest rotation of the chain. */
export function rotationBody(
  {
    systemId,
    chain,
    nowMs,
  }: { readonly systemId: SystemId; readonly chain: RootChain; readonly nowMs: number },
  { keys, threshold, keptProofs, keptRevocations }: RotationTerms,
): KeyRotation {
  const head = chain.links.at(-1);
  if (!head) throw new Error('a root begins with its genesis');
  return {
    version: head.version + 1,
    systemId,
    createdAt: formatTimestamp(nowMs),
    previous: fromHex(head.hash),
    keys,
    threshold,
    keptProofs,
    keptRevocations,
  };
}

export interface RevocationTerms {
  /** Greater than that of every revocation before. */
  readonly epoch: number;
  /** Each with the hash in hex of the last snapshot that stays good; undefined: none does. */
  readonly serials: readonly { readonly serial: string; readonly lastGood: string | undefined }[];
  readonly peerIds: readonly string[];
}

export function revocationBody(
  { systemId, nowMs }: { readonly systemId: SystemId; readonly nowMs: number },
  { epoch, serials, peerIds }: RevocationTerms,
): Revocation {
  return {
    version: 1,
    systemId,
    epoch,
    createdAt: formatTimestamp(nowMs),
    serials: serials.map(({ serial, lastGood }) => ({
      serial,
      ...(lastGood !== undefined && { lastGoodSnapshot: fromHex(lastGood) }),
    })),
    peerIds: [...peerIds],
  };
}
