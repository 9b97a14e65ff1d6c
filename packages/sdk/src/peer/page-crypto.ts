/** The contract's ports on what a page has: signatures by WebCrypto where it knows Ed25519, else in script. */
import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { Clock, Crypto, Signer } from '@p2pos/protocol';
import { sha256 } from './sha256.ts';

export function createPageCrypto(): Crypto {
  return {
    sha256,
    async verify(publicKey, bytes, signature) {
      if (publicKey.length !== 32 || signature.length !== 64) return false;
      try {
        return await publicKeyFromRaw(publicKey).verify(bytes, signature);
      } catch {
        // A key that is no point of the curve.
        return false;
      }
    },
  };
}

/** @param seed 32 bytes; stays in this page. */
export async function createPageSigner(seed: Uint8Array): Promise<Signer> {
  const key = await generateKeyPairFromSeed('Ed25519', seed);
  return { publicKey: key.publicKey.raw, sign: async (bytes) => key.sign(bytes) };
}

export function createPageClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return { [Symbol.dispose]: () => clearTimeout(timer) };
    },
  };
}
