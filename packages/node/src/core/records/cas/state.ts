/**
 * What a register holds: its value, and the last changes with their outcomes, so that a repeat is recognised by whichever
 * coordinator it comes through. A deleted or expired register holds no value but keeps its version and its changes.
 */
import { decodeCbor, encodeCbor, fromHex, isVersion, P2posError, toHex } from '@p2pos/protocol';
import { MAX_CALLER_BYTES, MAX_VALUE_BYTES } from '../format/record.ts';
import type { RegisterValue } from '../port.ts';

const FORM = 1;
/** Hex digits of a version's time and counter. */
const STAMP_LENGTH = 16;
/** Changes that are remembered, and of how many of them the requests are. */
const MAX_CHANGES = 64;
const MAX_REQUESTS = 16;
/** Replaced values that are kept for repeats, besides that of the newest change. */
const MAX_OLDER_BYTES = 2_048;
/** Around the caller's value at most. */
export const STATE_OVERHEAD_BYTES = MAX_VALUE_BYTES - MAX_CALLER_BYTES;
export const REQUEST_ID_BYTES = 16;
/** For how long a register that was deleted, or has expired, recognises repeats. */
export const DELETED_KEEP_MS = 86_400_000;

/** Hashes of the caller's idempotency key and of what it asked. */
export interface RequestId {
  readonly id: Uint8Array;
  readonly body: Uint8Array;
}

export interface Change {
  /** The ballot under which it was proposed first. */
  readonly version: string;
  /** Undefined: made without an idempotency key. */
  readonly request: RequestId | undefined;
  /** What was there before; kept for changes with a request alone. */
  readonly previous: RegisterValue | undefined;
}

export interface RegisterState {
  readonly version: string;
  /** Null: deleted. */
  readonly value: Uint8Array | null;
  readonly expiresAt: number | undefined;
  /** Newest first, without a gap. */
  readonly changes: readonly Change[];
  /** No change was forgotten yet. */
  readonly whole: boolean;
}

/**
 * `[form, authors, version, value | null, expiresAt | null, whole, changes]`. A version is `[8 bytes of time and counter, index of
 * its author]`, a change `[version]` or `[version, id, body, [value, version, expiresAt | null] | null]`.
 */
export function encodeState({ version, value, expiresAt, changes, whole }: RegisterState): Uint8Array {
  const authors: string[] = [];
  function pack(text: string) {
    const author = text.slice(STAMP_LENGTH + 1);
    if (!authors.includes(author)) authors.push(author);
    return [fromHex(text.slice(0, STAMP_LENGTH)), authors.indexOf(author)];
  }
  const packed = changes.map(({ version: made, request, previous }) => {
    if (!request) return [pack(made)];
    const before = previous && [previous.value, pack(previous.version), previous.expiresAt ?? null];
    return [pack(made), request.id, request.body, before ?? null];
  });
  return encodeCbor([FORM, authors, pack(version), value, expiresAt ?? null, whole, packed]);
}

/** @throws P2posError RECORD_INVALID, BODY_TOO_LARGE, CBOR_MALFORMED */
export function decodeState(bytes: Uint8Array): RegisterState {
  const fields = decodeCbor(bytes, { maxBytes: MAX_VALUE_BYTES });
  if (!Array.isArray(fields) || fields.length !== 7 || fields[0] !== FORM) throw invalid('has another form');
  const [, authors, packed, value, expiresAt, whole, changes] = fields as unknown[];
  if (!Array.isArray(authors) || authors.length > 2 * MAX_CHANGES + 1)
    throw invalid('names too many authors');
  const unpack = unpackerOf(authors);
  const version = unpack(packed);
  if (value !== null && !isBytes(value, MAX_CALLER_BYTES)) throw invalid('has no value of a fitting size');
  if (expiresAt !== null && (!isTime(expiresAt) || value === null)) throw invalid('has no sound expiry');
  if (typeof whole !== 'boolean') throw invalid('has another form');
  if (!Array.isArray(changes) || changes.length < 1 || changes.length > MAX_CHANGES)
    throw invalid(`names no 1 to ${MAX_CHANGES} changes`);
  const decoded = changes.map((change) => decodeChange(change, unpack));
  if (decoded[0]?.version !== version) throw invalid('is not that of its newest change');
  if (decoded.some((change, i) => i > 0 && change.version >= (decoded[i - 1] as Change).version))
    throw invalid('has changes out of order');
  return { version, value, expiresAt: expiresAt ?? undefined, whole, changes: decoded };
}

/** @throws P2posError as `decodeState`, and RECORD_INVALID for what cannot have come about under that ballot */
export function checkedState(bytes: Uint8Array, ballot: string): RegisterState {
  const state = decodeState(bytes);
  if (state.version > ballot) throw invalid('is newer than its ballot');
  return state;
}

/**
 * What a stored record says. One that replicas refuse, but were given by an earlier release, tells nothing: by what it
 * says no change could ever follow it. @throws P2posError as `decodeState`
 */
export function storedState(bytes: Uint8Array | null, ballot: string): RegisterState {
  const state = bytes && decodeState(bytes);
  return state && state.version <= ballot ? state : expiredState(ballot);
}

type Unpack = (packed: unknown) => string;

function unpackerOf(authors: readonly unknown[]): Unpack {
  return (packed) => {
    const [stamp, index] = Array.isArray(packed) ? (packed as unknown[]) : [];
    if (!isBytes(stamp, STAMP_LENGTH / 2)) throw invalid('has no version');
    const version = `${toHex(stamp)}-${String(authors[Number(index)])}`;
    if (!isVersion(version)) throw invalid('has no version');
    return version;
  };
}

function decodeChange(fields: unknown, unpack: Unpack): Change {
  if (!Array.isArray(fields) || (fields.length !== 1 && fields.length !== 4))
    throw invalid('has a malformed change');
  const [packed, id, body, before] = fields as unknown[];
  const version = unpack(packed);
  if (fields.length === 1) return { version, request: undefined, previous: undefined };
  if (!isHash(id) || !isHash(body)) throw invalid('has a malformed request');
  const previous = before === null ? undefined : decodeValue(before, unpack);
  return { version, request: { id, body }, previous };
}

function decodeValue(fields: unknown, unpack: Unpack): RegisterValue {
  if (!Array.isArray(fields) || fields.length !== 3) throw invalid('has a malformed former value');
  const [value, packed, expiresAt] = fields as unknown[];
  if (!isBytes(value, MAX_CALLER_BYTES) || (expiresAt !== null && !isTime(expiresAt)))
    throw invalid('has a malformed former value');
  return { value, version: unpack(packed), ...(expiresAt !== null && { expiresAt }) };
}

/**
 * The changes with one more; forgets the oldest, and sooner what was asked and replaced. A version costs 15 bytes; without it
 * a proposer that was beaten for long could not tell whether its change was made. Where a value goes without a request,
 * there is room for what the newest request replaced.
 */
export function remember(
  state: RegisterState | undefined,
  newest: Change,
  value: Uint8Array | null,
): Pick<RegisterState, 'changes' | 'whole'> {
  const older: Change[] = [];
  let hasRoom = value === null && !newest.request;
  let bytes = 0;
  for (const change of state?.changes ?? []) {
    if (older.length === MAX_CHANGES - 1) break;
    if (hasRoom && change.request) {
      hasRoom = false;
      older.push(change);
      continue;
    }
    bytes += change.previous?.value.length ?? 0;
    const isRepeatable = older.length < MAX_REQUESTS - 1 && bytes <= MAX_OLDER_BYTES;
    older.push(isRepeatable ? change : { ...change, request: undefined, previous: undefined });
  }
  const whole = (state?.whole ?? true) && older.length === (state?.changes.length ?? 0);
  return { changes: [newest, ...older], whole };
}

function isBytes(value: unknown, max: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= max;
}

function isHash(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === REQUEST_ID_BYTES;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= 2 ** 48;
}

function invalid(reason: string): P2posError {
  return new P2posError('RECORD_INVALID', { reason: `the state of a register ${reason}` });
}

/** Of a register whose record let its value go some time after it expired. */
export function expiredState(ballot: string): RegisterState {
  const change = { version: ballot, request: undefined, previous: undefined };
  return { version: ballot, value: null, expiresAt: undefined, changes: [change], whole: false };
}
