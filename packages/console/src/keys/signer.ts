/** Ed25519 keys in this page's memory: once imported they sign, and nothing can read them out again. */
import type { Signer } from '@p2pos/protocol';
import { ownBuffer } from '../crypto.ts';
import { texts } from '../texts.ts';

const ALGORITHM = 'Ed25519';

/** @throws Error for anything but an Ed25519 key in PKCS#8 PEM */
export async function signerFromPem(pem: string): Promise<Signer> {
  const { subtle } = requireCrypto();
  const der = derOf(pem);
  try {
    // The public half is told only of a key that may be read; that copy is dropped at once.
    const readable = await subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign']);
    const { x = '' } = await subtle.exportKey('jwk', readable);
    const key = await subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
    return signerOf(key, bytesOf(x.replaceAll('-', '+').replaceAll('_', '/')));
  } catch (cause) {
    throw new Error(texts.keys.noKey, { cause });
  } finally {
    der.fill(0);
  }
}

/** A new key and its text, which is to be sealed at once. */
export async function makeKey(): Promise<{ readonly pem: string; readonly signer: Signer }> {
  const { subtle } = requireCrypto();
  const pair = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const der = new Uint8Array(await subtle.exportKey('pkcs8', pair.privateKey));
  const lines = btoa(String.fromCharCode(...der)).match(/.{1,64}/g) ?? [];
  const pem = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
  der.fill(0);
  return { pem, signer: await signerFromPem(pem) };
}

function signerOf(key: CryptoKey, publicKey: Uint8Array): Signer {
  return {
    publicKey,
    sign: async (bytes) =>
      new Uint8Array(await globalThis.crypto.subtle.sign(ALGORITHM, key, ownBuffer(bytes))),
  };
}

/** Browsers give cryptography only to pages from https or from this machine. */
function requireCrypto(): { readonly subtle: SubtleCrypto } {
  const { subtle } = globalThis.crypto;
  if (!subtle) throw new Error(texts.keys.insecure);
  return { subtle };
}

function derOf(pem: string): Uint8Array<ArrayBuffer> {
  const match = /-----BEGIN PRIVATE KEY-----([\s\S]+?)-----END PRIVATE KEY-----/.exec(pem);
  if (!match) throw new Error(texts.keys.noKey);
  try {
    return bytesOf((match[1] ?? '').replace(/\s/g, ''));
  } catch (cause) {
    throw new Error(texts.keys.noKey, { cause });
  }
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
