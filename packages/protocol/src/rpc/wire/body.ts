/** Bodies: CBOR, checked by size before and by schema after decoding. No bytes at all stand for undefined. */
import { decodeCbor, encodeCbor } from '../../encoding/cbor.ts';
import type { Method } from '../capability.ts';

export const DEFAULT_MAX_BODY_BYTES = 1_048_576;
const NOTHING = new Uint8Array(0);

export function maxBodyBytes(method: { readonly maxBodyBytes?: number }): number {
  return method.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
}

/** @throws P2posError CBOR_UNENCODABLE */
export function encodeBody(value: unknown): Uint8Array {
  return value === undefined ? NOTHING : encodeCbor(value);
}

/** `shares`: nobody else uses the bytes, the value may. @throws P2posError CBOR_MALFORMED, BODY_TOO_LARGE */
export function decodeBody(bytes: Uint8Array, method: Method, { shares = false } = {}): unknown {
  return bytes.length === 0 ? undefined : decodeCbor(bytes, { maxBytes: maxBodyBytes(method), shares });
}

/** Where the value first differs from its schema; says nothing of the value itself. */
export function firstIssue(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}): string {
  const issue = error.issues[0];
  if (!issue) return 'invalid';
  return `${issue.path.map(String).join('.') || 'the body'}: ${issue.message}`.slice(0, 300);
}
