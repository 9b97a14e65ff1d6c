/**
 * Signatures that cost one hash: a secret of this process stands for the keys, so no node of a simulation can make
 * another's. About fifty times quicker than Ed25519; a tenth of the seeds run with real keys all the same.
 */
import { createHash } from 'node:crypto';
import type { Crypto, Signer } from '@p2pos/protocol';
import { instantCrypto, instantSigner } from '../instant-crypto.ts';

/** The same in every run, or traces would differ. */
const SECRET = createHash('sha256').update('p2pos simulation').digest();

function signatureOf(publicKey: Uint8Array, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha512').update(SECRET).update(publicKey).update(bytes).digest());
}

export const keyedCrypto: Crypto = {
  sha256: instantCrypto.sha256,
  verify: async (publicKey, bytes, signature) =>
    Buffer.compare(signatureOf(publicKey, bytes), signature) === 0,
};

/** Has the public key, and so the peer id, of the Ed25519 key of the same seed. */
export function keyedSigner(seed: Uint8Array): Signer {
  return keyedSignerOf(instantSigner(seed).publicKey);
}

/** For any 32 bytes as a public key: no key pair need be made. */
export function keyedSignerOf(publicKey: Uint8Array): Signer {
  return { publicKey, sign: async (bytes) => signatureOf(publicKey, bytes) };
}
