/** The cryptography of signed documents in a browser: WebCrypto's Ed25519, and SHA-256 that answers at once. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { Crypto } from '@p2pos/protocol';

export const crypto: Crypto = {
  sha256: (bytes) => sha256(bytes),
  async verify(publicKey, bytes, signature) {
    try {
      const key = await globalThis.crypto.subtle.importKey('raw', ownBuffer(publicKey), 'Ed25519', false, [
        'verify',
      ]);
      return await globalThis.crypto.subtle.verify('Ed25519', key, ownBuffer(signature), ownBuffer(bytes));
    } catch {
      // No key on the curve: nothing it signed is valid.
      return false;
    }
  },
};

/** WebCrypto takes no view of shared memory. */
export function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
