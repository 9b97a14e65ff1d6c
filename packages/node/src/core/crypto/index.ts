/** Node's implementation of the contract's cryptography; many signatures at once run on the thread pool. */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import type { Crypto } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';

/** DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4); the 32 raw bytes follow. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
/** A node meets few distinct keys (members, admins); the bound only guards against a flood of strangers. */
const MAX_CACHED_KEYS = 4_096;

/** As a string it comes out of the platform in a third of the time that a buffer takes. */
function sha256(bytes: Uint8Array): Uint8Array {
  const text = hash('sha256', bytes, 'binary');
  const digest = new Uint8Array(32);
  for (let i = 0; i < 32; i++) digest[i] = text.charCodeAt(i);
  return digest;
}

export interface NodeCryptoConfig {
  /**
   * A verification takes about 0.1 ms, and more than that to hand to a thread and take back while the machine is idle. The
   * first one within this time is made at once, those that come with it go to the thread pool. 0: all go there.
   */
  readonly inlineEveryMs: number;
}

export function createNodeCrypto(
  { clock }: { readonly clock?: Pick<Clock, 'monotonic'> } = {},
  { inlineEveryMs }: NodeCryptoConfig = { inlineEveryMs: 1 },
): Crypto {
  const keys = new Map<string, KeyObject>();
  let inlineFrom = Number.NEGATIVE_INFINITY;
  let pooled = 0;

  /** Nothing else waits for the thread pool, and this thread has not done one just now. */
  function mayInline(): boolean {
    if (!clock || inlineEveryMs === 0 || pooled > 0) return false;
    const now = clock.monotonic();
    if (now < inlineFrom) return false;
    inlineFrom = now + inlineEveryMs;
    return true;
  }

  function keyObject(publicKey: Uint8Array): KeyObject {
    const name = Buffer.from(publicKey).toString('base64');
    let key = keys.get(name);
    if (!key) {
      key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
      if (keys.size >= MAX_CACHED_KEYS) keys.clear();
      keys.set(name, key);
    }
    return key;
  }

  return {
    sha256,
    verify: (publicKey, bytes, signature) =>
      new Promise((resolve) => {
        if (publicKey.length !== 32 || signature.length !== 64) return resolve(false);
        try {
          const key = keyObject(publicKey);
          if (mayInline()) return resolve(verify(null, bytes, key, signature));
          pooled++;
          verify(null, bytes, key, signature, (error, valid) => {
            pooled--;
            resolve(!error && valid);
          });
        } catch {
          // Bytes that are no key verify nothing.
          resolve(false);
        }
      }),
  };
}
