/** Keys and cryptography for this package's own tests and vectors: Node's Ed25519 from fixed seeds. */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { Crypto, Signer } from '../crypto.ts';

/** DER prefixes of an Ed25519 PrivateKeyInfo and SubjectPublicKeyInfo (RFC 8410 §4, §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export interface TestKey extends Signer {
  readonly seed: Uint8Array;
}

/** The key whose seed is the number repeated 32 times. */
export function testKey(number: number): TestKey {
  const seed = new Uint8Array(32).fill(number);
  const der = Buffer.concat([PKCS8_PREFIX, seed]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    seed,
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: async (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
  };
}

export const testCrypto: Crypto = {
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  verify: async (publicKey, bytes, signature) => {
    const key = createPublicKey({
      key: Buffer.concat([SPKI_PREFIX, publicKey]),
      format: 'der',
      type: 'spki',
    });
    return verify(null, bytes, key, signature);
  },
};
