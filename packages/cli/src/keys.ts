/** Ed25519 keys as PKCS#8 PEM files (RFC 8410), 0600, and the cryptography that signed documents need. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Crypto, P2posError, type Signer } from '@p2pos/protocol';
import { reasonOf, replaceFile } from './json-file.ts';

/** SubjectPublicKeyInfo of Ed25519 (RFC 8410 §4) up to the 32 bytes of the key. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export const crypto: Crypto = {
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

/** Makes a key and keeps it in the file. */
export function createKeyFile(file: string): Signer {
  const { text, signer } = makeKeyText();
  replaceFile(file, text);
  return signer;
}

/** A new key that lies in no file yet. */
export function makeKeyText(): { readonly text: string; readonly signer: Signer } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const text = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  return { text, signer: toSigner(privateKey) };
}

/** Throws FILE_UNREADABLE for anything but an Ed25519 key in PKCS#8 PEM. */
export function readKeyFile(file: string): Signer {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new P2posError('FILE_UNREADABLE', { file, reason: reasonOf(cause) }, { cause });
  }
  return signerFromText(text, file);
}

/** @param file for the error FILE_UNREADABLE */
export function signerFromText(text: string, file: string): Signer {
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType !== 'ed25519')
      throw new Error(`it holds a key of type ${key.asymmetricKeyType}, not ed25519`);
    return toSigner(key);
  } catch (cause) {
    const isForeign = cause instanceof Error && 'code' in cause && String(cause.code).startsWith('ERR_OSSL');
    const reason = isForeign ? 'it holds no private key in PEM' : reasonOf(cause);
    throw new P2posError('FILE_UNREADABLE', { file, reason }, { cause });
  }
}

function toSigner(privateKey: KeyObject): Signer {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: async (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
  };
}
