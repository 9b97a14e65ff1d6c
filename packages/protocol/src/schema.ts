/**
 * Schema pieces shared by documents, peers' bodies and HTTP. Each is one check in one function, because bodies of calls
 * between nodes pass through them: chained checks and refinements cost several times more.
 *
 * @example
 * const Ping = z.strictObject({ peerId: peerIdSchema, nonce: bytesSchema({ min: 8, max: 8 }) });
 */
import { z } from 'zod';
import type { SystemId, Timestamp } from './documents/bodies.ts';
import { isPeerId } from './peer-id.ts';
import { isVersion } from './record-version.ts';
import { isSystemId } from './system-id.ts';
import { isTimestamp } from './time.ts';

const HEX_32 = /^[0-9a-f]{64}$/;
const SERIAL = /^[0-9a-f]{32}$/;

/** A byte string of `min` to `max` bytes. */
export function bytesSchema({ min = 0, max }: { readonly min?: number; readonly max: number }) {
  const size = min === max ? `${max}` : `${min} to ${max}`;
  return z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
    { error: `must be a byte string of ${size} bytes` },
  );
}

/** Well-formed Unicode of at most `max` UTF-16 code units. */
export function textSchema(max: number, { min = 0 }: { readonly min?: number } = {}) {
  return z.custom<string>(
    (value) =>
      typeof value === 'string' && value.length >= min && value.length <= max && value.isWellFormed(),
    { error: `must be text of ${min} to ${max} characters` },
  );
}

/** A whole number within bounds; at most 2^53 − 1. */
export function integerSchema(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return z.custom<number>(
    (value) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max,
    {
      error: `must be a whole number from ${min} to ${max}`,
    },
  );
}

/** Raw Ed25519 public key. */
export const publicKeySchema = bytesSchema({ min: 32, max: 32 });
/** SHA-256. */
export const hash32Schema = bytesSchema({ min: 32, max: 32 });
/** Raw Ed25519 signature. */
export const signatureSchema = bytesSchema({ min: 64, max: 64 });
/** SHA-256 as 64 lower-case hex digits. */
export const hexHashSchema = z.custom<string>((value) => typeof value === 'string' && HEX_32.test(value), {
  error: 'must be 64 lower-case hex digits',
});
/** Of an admin proof. */
export const serialSchema = z.custom<string>((value) => typeof value === 'string' && SERIAL.test(value), {
  error: 'must be 32 lower-case hex digits',
});
export const peerIdSchema = z.custom<string>(isPeerId, {
  error: 'must be a peer id that begins with 12D3KooW',
});
export const systemIdSchema = z.custom<SystemId>(isSystemId, {
  error: 'must be a system id that begins with sys1',
});
export const timestampSchema = z.custom<Timestamp>(isTimestamp, {
  error: 'must be a UTC time such as 2026-11-21T01:02:03.000000000Z',
});
/** Of a record. */
export const versionSchema = z.custom<string>(isVersion, { error: 'must be a record version' });
/** A multiaddr in text form; whether it can be dialled shows when it is tried. */
export const addressSchema = z.custom<string>(
  (value) => typeof value === 'string' && value.length <= 256 && /^\/[\x21-\x7e]+$/.test(value),
  { error: 'must be a multiaddr of at most 256 characters' },
);
