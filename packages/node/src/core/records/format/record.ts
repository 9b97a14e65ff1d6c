/** The signed form of a record. Its header is the contract's, since clients verify receipts. */
import { type Crypto, decodeHeader, equalBytes, parseVersion, type RecordHeader } from '@p2pos/protocol';

export {
  decodeHeader,
  encodeHeader,
  isKey,
  isNamespace,
  MAX_CALLER_BYTES,
  MAX_HEADER_BYTES,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  type RecordHeader,
} from '@p2pos/protocol';

export const MAX_PROOF_BYTES = 1_024;

/** What travels and lies on disk. */
export interface SignedRecord {
  /** Canonical CBOR, as its author signed it. */
  readonly header: Uint8Array;
  /** Null: a tombstone, or expired and let go. */
  readonly value: Uint8Array | null;
  /** Signature and inclusion path: see seal.ts. */
  readonly proof: Uint8Array;
}

/** Undefined: it is none, as where a bit has flipped. */
export function readHeader(bytes: Uint8Array): RecordHeader | undefined {
  try {
    return decodeHeader(bytes);
  } catch {
    return undefined;
  }
}

/** The peer id in the version: who signed it. */
export function authorOf(header: RecordHeader): string {
  return parseVersion(header.version).author;
}

/** Deleted, or expired at `now`. */
export function isDead(header: Pick<RecordHeader, 'value' | 'expiresAt'>, now: number): boolean {
  return header.value === undefined || (header.expiresAt !== undefined && header.expiresAt <= now);
}

/** Whether the value is the one that the header describes. */
export function fitsValue(crypto: Pick<Crypto, 'sha256'>, header: RecordHeader, value: Uint8Array): boolean {
  return (
    header.value !== undefined &&
    value.length === header.value.bytes &&
    equalBytes(crypto.sha256(value), header.value.hash)
  );
}
