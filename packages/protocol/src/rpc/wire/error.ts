/** Errors between nodes: the code, and details that fit one frame. A code that we do not know degrades to INTERNAL. */
import { decodeCbor, encodeCbor } from '../../encoding/cbor.ts';
import { isErrorCode, P2posError } from '../../errors/errors.ts';
import { HEADER_BYTES, MAX_FRAME_BYTES } from './frame.ts';

const MAX_ERROR_BYTES = MAX_FRAME_BYTES - HEADER_BYTES;
const MAX_CODE_LENGTH = 64;

export function encodeError(error: P2posError): Uint8Array {
  try {
    const bytes = encodeCbor({ code: error.code, details: error.details });
    if (bytes.length <= MAX_ERROR_BYTES) return bytes;
  } catch {
    // A detail that CBOR does not know: the code alone still tells what happened.
  }
  return encodeCbor({ code: error.code, details: {} });
}

/** @throws P2posError CBOR_MALFORMED, BODY_TOO_LARGE when the bytes are no error. */
export function decodeError(bytes: Uint8Array): P2posError {
  const value = decodeCbor(bytes, { maxBytes: MAX_ERROR_BYTES });
  const code = isRecord(value) ? value['code'] : undefined;
  const details = isRecord(value) && isRecord(value['details']) ? value['details'] : {};
  if (typeof code !== 'string') throw new P2posError('CBOR_MALFORMED', { reason: 'an error has no code' });
  if (isErrorCode(code)) return new P2posError(code, details);
  return new P2posError('INTERNAL', {
    requestId: 'unknown',
    ...details,
    peerCode: code.slice(0, MAX_CODE_LENGTH),
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}
