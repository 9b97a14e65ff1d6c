/** Base64url without padding (RFC 4648 §5), strict: one text for each byte string. */
import { base64url } from 'multiformats/bases/base64';
import { P2posError } from '../errors/errors.ts';

export function toBase64url(bytes: Uint8Array): string {
  return base64url.baseEncode(bytes);
}

/** @throws P2posError BAD_REQUEST for other alphabets, padding, or stray bits at the end. */
export function fromBase64url(text: string): Uint8Array {
  try {
    const bytes = new Uint8Array(base64url.baseDecode(text));
    if (base64url.baseEncode(bytes) === text) return bytes;
  } catch {
    // told below
  }
  throw new P2posError('BAD_REQUEST', { reason: 'Not base64url text without padding.' });
}
