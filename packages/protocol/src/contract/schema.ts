/**
 * Schema pieces shared by documents, peers' bodies and HTTP. Each is one check in one function, because bodies of calls
 * between nodes pass through them: chained checks and refinements cost two to three times more.
 *
 * @example
 * const Ping = z.strictObject({ peerId: peerIdSchema, nonce: bytesSchema({ min: 8, max: 8 }) });
 */
import { z } from 'zod';
import type { SystemId, Timestamp } from '../documents/bodies.ts';
import { isPeerId } from '../peer-id.ts';
import { isVersion } from '../record-version.ts';
import { isSystemId } from '../system-id.ts';
import { isTimestamp } from '../time.ts';

const HEX_32 = /^[0-9a-f]{64}$/;
const SERIAL = /^[0-9a-f]{32}$/;
const ADDRESS = /^\/[\x21-\x7e]{1,255}$/;

/** What a check is in CDDL (RFC 8610), for the reference. */
export const cddlTypes = z.registry<{ readonly cddl: string }>();

/** A value that passes `test`. Aborts on failure, so refinements of what holds it see only sound values. */
export function checked<T>(test: (value: unknown) => boolean, error: string, cddl?: string) {
  const schema = z.custom<T>(test, { error, abort: true });
  return cddl === undefined ? schema : schema.register(cddlTypes, { cddl });
}

/** Text of at most 256 characters that matches `shape` (which must be anchored). */
export function patternSchema<T extends string = string>(shape: RegExp, error: string) {
  return checked<T>(
    (value) => typeof value === 'string' && value.length <= 256 && shape.test(value),
    error,
    'tstr',
  );
}

/** A byte string of `min` to `max` bytes. */
export function bytesSchema({ min = 0, max }: { readonly min?: number; readonly max: number }) {
  return checked<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
    `must be a byte string of ${min === max ? max : `${min} to ${max}`} bytes`,
    min === max ? `bstr .size ${max}` : `bstr .size (${min}..${max})`,
  );
}

/** Well-formed Unicode of `min` to `max` UTF-16 code units. */
export function textSchema(max: number, { min = 0 }: { readonly min?: number } = {}) {
  return checked<string>(
    (value) =>
      typeof value === 'string' && value.length >= min && value.length <= max && value.isWellFormed(),
    `must be text of ${min} to ${max} characters`,
    'tstr',
  );
}

/** A whole number within bounds; at most 2^53 − 1. */
export function integerSchema(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return checked<number>(
    (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
    `must be a whole number from ${min} to ${max}`,
    `${min}..${max}`,
  );
}

/** Raw Ed25519 public key. */
export const publicKeySchema = bytesSchema({ min: 32, max: 32 });
/** SHA-256. */
export const hash32Schema = bytesSchema({ min: 32, max: 32 });
/** Raw Ed25519 signature. */
export const signatureSchema = bytesSchema({ min: 64, max: 64 });
/** SHA-256 as text. */
export const hexHashSchema = patternSchema(HEX_32, 'must be 64 lower-case hex digits');
/** Of an admin proof. */
export const serialSchema = patternSchema(SERIAL, 'must be 32 lower-case hex digits');
export const peerIdSchema = checked<string>(isPeerId, 'must be a peer id that begins with 12D3KooW', 'tstr');
export const systemIdSchema = checked<SystemId>(
  isSystemId,
  'must be a system id that begins with sys1',
  'tstr',
);
export const timestampSchema = checked<Timestamp>(
  isTimestamp,
  'must be a UTC time such as 2026-11-21T01:02:03.000000000Z',
  'tstr',
);
/** Of a record. */
export const versionSchema = checked<string>(isVersion, 'must be a record version', 'tstr');
/** A multiaddr in text form; whether it can be dialled shows when it is tried. */
export const addressSchema = checked<string>(
  isAddress,
  'must be a multiaddr of at most 256 characters',
  'tstr',
);

export function isAddress(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 256 && ADDRESS.test(value);
}
