/**
 * Signatures for simulations: a keyed hash instead of Ed25519, some forty times cheaper and just as hard to forge for
 * code that only sees public keys. The secret of each public key is known to this process alone.
 */
import { createHash, hash } from 'node:crypto';
import type { Crypto, Signer } from '@p2pos/protocol';

export interface KeyedCrypto extends Crypto {
  /** The signer of a 32-byte seed; its public key verifies with this instance only. */
  signer(seed: Uint8Array): Signer;
}

export function createKeyedCrypto(): KeyedCrypto {
  const secrets = new Map<string, Uint8Array>();
  const sha256 = (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer'));

  function tag(secret: Uint8Array, bytes: Uint8Array): Uint8Array {
    const half = createHash('sha256').update(secret).update(bytes).digest();
    const signature = new Uint8Array(64);
    signature.set(half);
    signature.set(half, 32);
    return signature;
  }

  return {
    sha256,
    async verify(publicKey, bytes, signature) {
      const secret = secrets.get(Buffer.from(publicKey).toString('hex'));
      return secret !== undefined && Buffer.compare(tag(secret, bytes), signature) === 0;
    },
    signer(seed) {
      const secret = sha256(seed);
      const publicKey = sha256(secret);
      secrets.set(Buffer.from(publicKey).toString('hex'), secret);
      return { publicKey, sign: async (bytes) => tag(secret, bytes) };
    },
  };
}
