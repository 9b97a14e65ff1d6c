/** The name of a system: `sys1` + base32 (RFC 4648, lower case, no padding) of SHA-256 of its genesis body. */
import { base32 } from 'multiformats/bases/base32';
import { P2posError } from './errors/errors.ts';

/** 256 bits are 51 digits of five bits and one bit more. */
const SYSTEM_ID = /^sys1[a-z2-7]{51}[aq]$/;

/** @throws P2posError BAD_REQUEST unless the hash is 32 bytes. */
export function systemIdOf(genesisBodyHash: Uint8Array): string {
  if (genesisBodyHash.length !== 32) {
    throw new P2posError('BAD_REQUEST', {
      reason: `A SHA-256 hash has 32 bytes, this one ${genesisBodyHash.length}.`,
    });
  }
  return `sys1${base32.baseEncode(genesisBodyHash)}`;
}

/** The hash that names the genesis, so a node knows what to look for before it has it. @throws P2posError SYSTEM_ID_INVALID */
export function genesisHashOf(systemId: string): Uint8Array {
  if (!isSystemId(systemId)) {
    throw new P2posError('SYSTEM_ID_INVALID', { systemId: String(systemId).slice(0, 80) });
  }
  return base32.baseDecode(systemId.slice(4));
}

export function isSystemId(text: unknown): text is string {
  return typeof text === 'string' && SYSTEM_ID.test(text);
}
