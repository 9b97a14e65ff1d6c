/**
 * What the record of a register holds as its value, as far as a receipt needs it. The whole, with the changes that are
 * remembered, is read by nodes alone.
 */
import { decodeCbor } from './encoding/cbor.ts';
import { toHex } from './encoding/hex.ts';
import { P2posError } from './errors/errors.ts';
import { isVersion } from './record-version.ts';

export interface RegisterContent {
  /** Of the change that made it what it is. */
  readonly version: string;
  /** Null: deleted, or nothing so far. */
  readonly value: Uint8Array | null;
}

const FORM = 1;
const MAX_STATE_BYTES = 65_536;
/** Time and counter of a version. */
const STAMP_BYTES = 8;

/** `[form, authors, [stamp, index of its author], value | null, …]` @throws P2posError RECORD_INVALID, CBOR_MALFORMED, BODY_TOO_LARGE */
export function readRegisterState(bytes: Uint8Array): RegisterContent {
  const fields = decodeCbor(bytes, { maxBytes: MAX_STATE_BYTES });
  const [form, authors, packed, value] = Array.isArray(fields) ? (fields as unknown[]) : [];
  const [stamp, index] = Array.isArray(packed) ? (packed as unknown[]) : [];
  if (
    form === FORM &&
    Array.isArray(authors) &&
    stamp instanceof Uint8Array &&
    stamp.length === STAMP_BYTES
  ) {
    const version = `${toHex(stamp)}-${String(authors[Number(index)])}`;
    if (isVersion(version) && (value === null || value instanceof Uint8Array)) return { version, value };
  }
  throw new P2posError('RECORD_INVALID', { reason: 'it is no state of a register' });
}
