/** Real Ed25519 on the calling thread: nothing waits for a thread pool, so virtual time stays deterministic. */
import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import { type Crypto, type Signer, toHex } from '@p2pos/protocol';

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export const instantCrypto: Crypto = {
  sha256: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
  async verify(publicKey, bytes, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    return verify(null, bytes, readPublicKey(publicKey), signature);
  },
};

/** Reading a key costs as much as checking a signature, and a test has few. */
const MAX_KEYS = 1_024;
const read = new Map<string, KeyObject>();

function readPublicKey(publicKey: Uint8Array): KeyObject {
  const name = toHex(publicKey);
  const known = read.get(name);
  if (known) return known;
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
  if (read.size >= MAX_KEYS) read.clear();
  read.set(name, key);
  return key;
}

/** The signer of a 32-byte Ed25519 seed. */
export function instantSigner(seed: Uint8Array): Signer {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(-32)),
    sign: async (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
  };
}
