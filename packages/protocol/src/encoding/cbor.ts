/**
 * CBOR as P2POS speaks it: null, booleans, 64-bit integers, floats, text, byte strings, arrays and maps with text keys.
 * `encodeCbor` gives each value one encoding (RFC 8949 §4.2.1); `decodeCbor` reads ordinary bodies, which a schema
 * checks next; `decodeCanonical` reads what a signature covers and refuses every encoding but that one.
 *
 * @example
 * decodeCbor(encodeCbor({ key: 'a', value: new Uint8Array([1]) })); // { key: 'a', value: Uint8Array [1] }
 */

import { P2posError } from '../errors/errors.ts';
import { CborFault, decodeItem } from './cbor-decoder.ts';
import { encodeCbor } from './cbor-encoder.ts';

export { type CborValue, encodeCbor, MAX_CBOR_DEPTH } from './cbor-encoder.ts';

/** Default bound of a body, bytes. */
export const MAX_CBOR_BYTES = 4 * 1_048_576;
/** Bound of what one body may hold: values, keys and elements together. */
const MAX_CBOR_ITEMS = 262_144;

export interface DecodeLimits {
  /** Refuses longer input unread. Default {@link MAX_CBOR_BYTES}. */
  readonly maxBytes?: number;
  /** The input is given away: a long byte string that is most of it may share its memory. Default false. */
  readonly shares?: boolean;
}

/**
 * Decodes an ordinary body. Accepts keys in any order and longer forms than needed; never tags, indefinite lengths,
 * duplicate keys, text that is not UTF-8, or bytes after the value. Byte strings are copies, unless `shares` is set, and
 * may be views of a larger buffer.
 *
 * @throws P2posError BODY_TOO_LARGE, CBOR_MALFORMED
 */
export function decodeCbor(
  bytes: Uint8Array,
  { maxBytes = MAX_CBOR_BYTES, shares = false }: DecodeLimits = {},
): unknown {
  if (bytes.length > maxBytes) throw new P2posError('BODY_TOO_LARGE', { maxBytes });
  try {
    return decodeItem(bytes, MAX_CBOR_ITEMS, shares);
  } catch (error) {
    if (error instanceof CborFault) throw new P2posError('CBOR_MALFORMED', { reason: error.message });
    throw error;
  }
}

/**
 * Decodes bytes that a signature or a hash covers: exactly what `encodeCbor` gives for the value, nothing else.
 *
 * @throws P2posError DOCUMENT_MALFORMED, with `kind` in its text
 */
export function decodeCanonical(
  bytes: Uint8Array,
  { maxBytes = MAX_CBOR_BYTES, kind = 'CBOR' }: DecodeLimits & { readonly kind?: string } = {},
): unknown {
  const refuse = (reason: string) => new P2posError('DOCUMENT_MALFORMED', { kind, reason });
  if (bytes.length > maxBytes) throw refuse(`it is longer than ${maxBytes} bytes`);
  let value: unknown;
  try {
    value = decodeItem(bytes, MAX_CBOR_ITEMS);
  } catch (error) {
    if (error instanceof CborFault) throw refuse(error.message);
    throw error;
  }
  const only = encodeCbor(value);
  let same = 0;
  while (same < bytes.length && bytes[same] === only[same]) same++;
  if (same < bytes.length || only.length !== same) {
    throw refuse(`its encoding is not deterministic at byte ${same}`);
  }
  return value;
}
