/** The few primitives below the protocols of this folder, by WebCrypto, so that they are native in Node and in browsers. */
import { concatBytes } from '../encoding/bytes.ts';
import { P2posError } from '../errors/errors.ts';

/** X25519 (RFC 7748) or Ed25519 (RFC 8032), raw, 32 bytes each. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: PrivateKey;
}

/** The bytes, or a key of WebCrypto, which a browser can keep without giving its bytes to any script. */
export type PrivateKey = Uint8Array | CryptoKey;

export interface KeyOptions {
  /** False: private keys are keys of WebCrypto whose bytes nobody gets. Default true. */
  readonly extractable?: boolean;
}

/** WebCrypto takes private keys as PKCS #8 only (RFC 8410): a fixed head and the 32 bytes. */
const X25519_HEAD = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
]);
const ED25519_HEAD = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]);
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const { subtle } = globalThis.crypto;
type Buffered = Uint8Array<ArrayBuffer>;

/** A fresh pair for Diffie–Hellman. */
export function generateDhPair(options?: KeyOptions): Promise<KeyPair> {
  return generatePair('X25519', X25519_HEAD, options);
}

/** A fresh pair for signatures. */
export function generateSigningPair(options?: KeyOptions): Promise<KeyPair> {
  return generatePair('Ed25519', ED25519_HEAD, options);
}

/** X25519. @throws P2posError E2EE_KEY_INVALID for a point of small order or a wrong length */
export async function diffieHellman(privateKey: PrivateKey, publicKey: Uint8Array): Promise<Uint8Array> {
  if (publicKey.length !== KEY_BYTES)
    throw new P2posError('E2EE_KEY_INVALID', { reason: 'it is not 32 bytes' });
  try {
    const own = await keyOf('X25519', X25519_HEAD, privateKey);
    const theirs = await subtle.importKey('raw', publicKey as Buffered, 'X25519', false, []);
    const bits = new Uint8Array(await subtle.deriveBits({ name: 'X25519', public: theirs }, own, 256));
    // RFC 7748, section 6.1: a point of small order would let a peer choose the secret.
    if (bits.every((byte) => byte === 0)) throw new TypeError('all zero');
    return bits;
  } catch (error) {
    throw new P2posError('E2EE_KEY_INVALID', { reason: 'it gives no shared secret' }, { cause: error });
  }
}

/** HKDF with SHA-256 (RFC 5869). */
export async function hkdf(
  salt: Uint8Array,
  secret: Uint8Array,
  info: string,
  bytes: number,
): Promise<Uint8Array> {
  const key = await subtle.importKey('raw', secret as Buffered, 'HKDF', false, ['deriveBits']);
  const params = {
    name: 'HKDF',
    hash: 'SHA-256',
    salt: salt as Buffered,
    info: new TextEncoder().encode(info),
  };
  return new Uint8Array(await subtle.deriveBits(params, key, bytes * 8));
}

/** HMAC with SHA-256 (RFC 2104). */
export async function hmac(key: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  const own = await subtle.importKey('raw', key as Buffered, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ]);
  return new Uint8Array(await subtle.sign('HMAC', own, data as Buffered));
}

/** AES-256-GCM under a key that is used once, so its nonce may follow from it. */
export async function seal(
  messageKey: Uint8Array,
  plaintext: Uint8Array,
  associated: Uint8Array,
): Promise<Uint8Array> {
  const { key, params } = await aead(messageKey, associated, 'encrypt');
  return new Uint8Array(await subtle.encrypt(params, key, plaintext as Buffered));
}

/** @throws P2posError E2EE_UNREADABLE for anything but what `seal` made of the same key and associated bytes */
export async function unseal(
  messageKey: Uint8Array,
  ciphertext: Uint8Array,
  associated: Uint8Array,
): Promise<Uint8Array> {
  const { key, params } = await aead(messageKey, associated, 'decrypt');
  try {
    return new Uint8Array(await subtle.decrypt(params, key, ciphertext as Buffered));
  } catch (error) {
    throw new P2posError(
      'E2EE_UNREADABLE',
      { reason: 'it was changed, or is not for this key' },
      { cause: error },
    );
  }
}

export async function sign(privateKey: PrivateKey, data: Uint8Array): Promise<Uint8Array> {
  const key = await keyOf('Ed25519', ED25519_HEAD, privateKey);
  return new Uint8Array(await subtle.sign('Ed25519', key, data as Buffered));
}

/** False for a bad signature and for what is no key. */
export async function verify(
  publicKey: Uint8Array,
  signature: Uint8Array,
  data: Uint8Array,
): Promise<boolean> {
  try {
    const key = await subtle.importKey('raw', publicKey as Buffered, 'Ed25519', false, ['verify']);
    return await subtle.verify('Ed25519', key, signature as Buffered, data as Buffered);
  } catch {
    return false;
  }
}

async function keyOf(
  algorithm: 'X25519' | 'Ed25519',
  head: Uint8Array,
  privateKey: PrivateKey,
): Promise<CryptoKey> {
  if (!(privateKey instanceof Uint8Array)) return privateKey;
  const bytes = concatBytes(head, privateKey) as Buffered;
  return subtle.importKey('pkcs8', bytes, algorithm, false, [algorithm === 'X25519' ? 'deriveBits' : 'sign']);
}

async function generatePair(
  algorithm: 'X25519' | 'Ed25519',
  head: Uint8Array,
  { extractable = true }: KeyOptions = {},
): Promise<KeyPair> {
  const usages: KeyUsage[] = algorithm === 'X25519' ? ['deriveBits'] : ['sign', 'verify'];
  const pair = (await subtle.generateKey(algorithm, extractable, usages)) as CryptoKeyPair;
  const publicKey = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
  if (!extractable) return { publicKey, privateKey: pair.privateKey };
  const privateKey = new Uint8Array(await subtle.exportKey('pkcs8', pair.privateKey));
  return { publicKey, privateKey: privateKey.slice(head.length) };
}

async function aead(messageKey: Uint8Array, associated: Uint8Array, usage: 'encrypt' | 'decrypt') {
  const bytes = await hkdf(
    new Uint8Array(KEY_BYTES),
    messageKey,
    'p2pos/e2ee/message',
    KEY_BYTES + NONCE_BYTES,
  );
  const key = await subtle.importKey('raw', bytes.slice(0, KEY_BYTES), 'AES-GCM', false, [usage]);
  const iv = bytes.slice(KEY_BYTES);
  return { key, params: { name: 'AES-GCM', iv, additionalData: associated as Buffered } };
}
