/**
 * What a record's author signs: everything but the value, of which the header holds the hash. So a record whose value is
 * gone (expired, or not asked for) can still be verified by whoever holds the header, and so can a receipt.
 */
import { equalBytes } from './encoding/bytes.ts';
import { decodeCanonical, encodeCbor } from './encoding/cbor.ts';
import { P2posError } from './errors/errors.ts';
import { isVersion } from './record-version.ts';

export const MAX_NAMESPACE_BYTES = 128;
/** Of a key and of a partition. */
export const MAX_KEY_BYTES = 1_024;
/** Of a caller's value. */
export const MAX_CALLER_BYTES = 64 * 1_024;
/** As it is kept: a register adds the value that it replaced, and the last changes. */
export const MAX_VALUE_BYTES = 2 * MAX_CALLER_BYTES + 8_192;
export const MAX_HEADER_BYTES = 2_560;

const FORM = 1;
const NAMESPACE = /^[\x21-\x2e\x30-\x7e]{1,62}\/[\x21-\x2e\x30-\x7e]{1,62}$/;

export interface RecordHeader {
  /** `<app>/<service>`, visible ASCII. */
  readonly namespace: string;
  readonly partition: Uint8Array;
  readonly key: Uint8Array;
  /** Hybrid clock and author; text order is version order. */
  readonly version: string;
  /** Milliseconds since the epoch; from then on the record is a tombstone of the same version. */
  readonly expiresAt: number | undefined;
  /** Undefined: a tombstone. */
  readonly value: { readonly hash: Uint8Array; readonly bytes: number } | undefined;
}

/** `[form, namespace, partition | null when it equals the key, key, version, expiresAt | null, hash | null, bytes]` */
export function encodeHeader({
  namespace,
  partition,
  key,
  version,
  expiresAt,
  value,
}: RecordHeader): Uint8Array {
  return encodeCbor([
    FORM,
    namespace,
    equalBytes(partition, key) ? null : partition,
    key,
    version,
    expiresAt ?? null,
    value?.hash ?? null,
    value?.bytes ?? 0,
  ]);
}

/** @throws P2posError RECORD_INVALID, DOCUMENT_MALFORMED for anything that `encodeHeader` does not give. */
export function decodeHeader(bytes: Uint8Array): RecordHeader {
  const fields = decodeCanonical(bytes, { maxBytes: MAX_HEADER_BYTES, kind: 'record' });
  if (!Array.isArray(fields) || fields.length !== 8 || fields[0] !== FORM)
    throw invalid('its header has another form');
  const [, namespace, partition, key, version, expiresAt, hash, size] = fields as unknown[];
  if (!isNamespace(namespace)) throw invalid('its namespace is not <app>/<service>');
  if (!isKey(key)) throw invalid(`its key is not 1 to ${MAX_KEY_BYTES} bytes`);
  if (partition !== null && (!isKey(partition) || equalBytes(partition, key))) {
    throw invalid(`its partition is not 1 to ${MAX_KEY_BYTES} bytes in its one form`);
  }
  if (!isVersion(version)) throw invalid('its version is not a version');
  if (expiresAt !== null && !isWhole(expiresAt, 1, 2 ** 48)) throw invalid('its expiry is not a time');
  if (!isWhole(size, 0, MAX_VALUE_BYTES)) throw invalid('its size is out of bounds');
  if (hash === null ? size !== 0 || expiresAt !== null : !isHash(hash))
    throw invalid('its value is not described');
  return {
    namespace,
    partition: partition ?? key,
    key,
    version,
    expiresAt: expiresAt ?? undefined,
    value: hash === null ? undefined : { hash: hash as Uint8Array, bytes: size },
  };
}

export function isNamespace(text: unknown): text is string {
  return typeof text === 'string' && text.length <= MAX_NAMESPACE_BYTES && NAMESPACE.test(text);
}

export function isKey(bytes: unknown): bytes is Uint8Array {
  return bytes instanceof Uint8Array && bytes.length >= 1 && bytes.length <= MAX_KEY_BYTES;
}

function isHash(bytes: unknown): bytes is Uint8Array {
  return bytes instanceof Uint8Array && bytes.length === 32;
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
}

function invalid(reason: string): P2posError {
  return new P2posError('RECORD_INVALID', { reason });
}
