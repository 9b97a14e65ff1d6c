/**
 * What a register's record carries: the caller's value, the version of the change that made it (reads that settle a
 * register raise the record's version, never this one), and the last requests, so that a repeat has no second effect.
 */
import { decodeCbor, encodeCbor, P2posError } from '@p2pos/protocol';

export interface RegisterState {
  readonly version: string;
  /** Null: deleted; remembered for a while for the sake of its requests. */
  readonly value: Uint8Array | null;
  /** Oldest first. */
  readonly requests: readonly Request[];
}

/** A change that took effect. */
export interface Request {
  /** Hash of the request's key. */
  readonly id: Uint8Array;
  readonly version: string;
}

export const REQUEST_ID_BYTES = 16;
/** Changes since which a repeat is still recognised. */
const MAX_REQUESTS = 12;
/** Around the caller's value at most. */
export const STATE_OVERHEAD_BYTES = 1_536;

export function encodeState({ version, value, requests }: RegisterState): Uint8Array {
  return encodeCbor([
    version,
    value,
    requests.slice(-MAX_REQUESTS).map(({ id, version: made }) => [id, made]),
  ]);
}

/** @throws P2posError RECORD_INVALID, CBOR_MALFORMED */
export function decodeState(bytes: Uint8Array, maxBytes: number): RegisterState {
  const fields = decodeCbor(bytes, { maxBytes: maxBytes + STATE_OVERHEAD_BYTES });
  if (!Array.isArray(fields) || fields.length !== 3) throw invalid();
  const [version, value, requests] = fields as unknown[];
  if (!isText(version) || !isValue(value, maxBytes)) throw invalid();
  if (!Array.isArray(requests) || requests.length > MAX_REQUESTS || !requests.every(isRequest))
    throw invalid();
  return { version, value, requests: requests.map(([id, made]) => ({ id, version: made })) };
}

function isValue(value: unknown, maxBytes: number): value is Uint8Array | null {
  return value === null || (value instanceof Uint8Array && value.length <= maxBytes);
}

function isRequest(item: unknown): item is readonly [Uint8Array, string] {
  if (!Array.isArray(item) || item.length !== 2) return false;
  const [id, version] = item as unknown[];
  return id instanceof Uint8Array && id.length === REQUEST_ID_BYTES && isText(version);
}

const isText = (text: unknown): text is string => typeof text === 'string' && text.length === 69;

/**
 * Whether a request that may have been made under `ballot` or later, and is not among those remembered, was surely never
 * made.
 */
export function wasNeverMade({ requests }: RegisterState, ballot: string): boolean {
  const [oldest] = requests;
  return requests.length < MAX_REQUESTS || (oldest !== undefined && oldest.version < ballot);
}

function invalid(): P2posError {
  return new P2posError('RECORD_INVALID', { reason: 'its value is no state of a register' });
}
