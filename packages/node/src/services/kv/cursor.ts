/** Where a page of keys ended, opaque to clients: a format byte and the last key, in base64url. */
import { fromBase64url, MAX_KV_KEY_BYTES, P2posError, toBase64url } from '@p2pos/protocol';

const FORMAT = 1;

export function encodeCursor(lastKey: Uint8Array): string {
  const bytes = new Uint8Array(1 + lastKey.length);
  bytes[0] = FORMAT;
  bytes.set(lastKey, 1);
  return toBase64url(bytes);
}

/** The last key of the page before. @throws P2posError KV_CURSOR_INVALID */
export function decodeCursor(cursor: string, prefix: Uint8Array): Uint8Array {
  const bytes = read(cursor);
  const key = bytes.subarray(1);
  if (bytes[0] !== FORMAT || key.length < 1 || key.length > MAX_KV_KEY_BYTES)
    throw invalid('it is not one of ours');
  if (prefix.some((byte, i) => key[i] !== byte)) throw invalid('it belongs to another prefix');
  return key;
}

function read(cursor: string): Uint8Array {
  try {
    return fromBase64url(cursor);
  } catch {
    throw invalid('it is not one of ours');
  }
}

function invalid(reason: string): P2posError {
  return new P2posError('KV_CURSOR_INVALID', { reason });
}
