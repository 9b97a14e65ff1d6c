/** A key's value that no single node can forge: it counts when members that hold records signed for it, just now. */
import {
  type Crypto,
  isP2posError,
  type KvAttestation,
  type Member,
  P2posError,
  verifyReceipt,
} from '@p2pos/protocol';
import type { Call } from '../caller.ts';

export interface VerifiedValue {
  readonly value: Uint8Array;
  /** The value as UTF-8. */
  text(): string;
  readonly version: string;
  readonly expiresAt?: number;
  /** Who signed, at least a majority of three (or of all, where fewer members hold records). */
  readonly peerIds: readonly string[];
  /** When the first of them signed, by its clock, ms since the epoch. */
  readonly signedAt: number;
}

export interface VerifiedReadOptions {
  /** Whose key it is. Default `default`. */
  readonly app?: string | undefined;
  /** How old a signature may be. Default 5 min, so that clocks may differ. */
  readonly maxAgeMs?: number;
  readonly signal?: AbortSignal | undefined;
}

const MAX_AGE_MS = 5 * 60_000;
const REPLICAS = 3;

/**
 * Undefined: the node says that there is nothing. That cannot be proved; ask through another node where it matters.
 *
 * @throws P2posError RECEIPT_REFUSED for what does not verify
 */
export async function readVerified(
  { call, crypto, now }: { readonly call: Call; readonly crypto: Crypto; readonly now: () => number },
  view: { readonly systemId: string; readonly epoch: number; readonly members: readonly Member[] },
  key: string,
  { app = 'default', maxAgeMs = MAX_AGE_MS, signal }: VerifiedReadOptions = {},
): Promise<VerifiedValue | undefined> {
  let answer: KvAttestation;
  try {
    answer = await call('kv.attest', { key }, { signal });
  } catch (error) {
    if (isP2posError(error, 'KV_KEY_NOT_FOUND')) return undefined;
    throw error;
  }
  const { value, version, receipt } = answer;
  const holders = view.members.filter(({ capabilities }) => capabilities.includes('storage')).length;
  const claim = {
    ...view,
    needed: Math.floor(Math.min(REPLICAS, holders) / 2) + 1,
    namespace: `${app}/kv`,
    key: new TextEncoder().encode(key),
    version,
    value,
  };
  const { record, peerIds, from } = await verifyReceipt(receipt, claim, crypto);
  if (now() - from > maxAgeMs)
    throw new P2posError('RECEIPT_REFUSED', {
      reason: 'it was signed too long ago to tell what is there now',
    });
  if (record.expiresAt !== undefined && record.expiresAt <= now() - maxAgeMs)
    throw new P2posError('RECEIPT_REFUSED', { reason: 'what it is for has expired' });
  return {
    value,
    text: () => new TextDecoder().decode(value),
    version,
    ...(record.expiresAt !== undefined && { expiresAt: record.expiresAt }),
    peerIds,
    signedAt: from,
  };
}
