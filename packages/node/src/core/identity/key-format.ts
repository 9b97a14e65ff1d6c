/**
 * How an Ed25519 key lies in a file: PKCS#8 in PEM (RFC 8410 §7), which every tool reads. Sealed by a passphrase the
 * same text is wrapped by age (scrypt recipient, armored; https://age-encryption.org/v1): `age --decrypt` opens it, and
 * scrypt costs an attacker memory as well as time, which the PBKDF2 of an encrypted PKCS#8 does not.
 */
import { createPrivateKey } from 'node:crypto';

/** PrivateKeyInfo of Ed25519 up to the 32 bytes of the seed (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SEAL_HEADER = '-----BEGIN AGE ENCRYPTED FILE-----';
/** Of scrypt: 2^16 takes 64 MiB and under a second to open; age's own choice of 2^18 would take 256 MiB at each start. */
const WORK_FACTOR = 16;

export function keyToPem(seed: Uint8Array): string {
  const body = Buffer.concat([PKCS8_PREFIX, seed]).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`;
}

/** The seed; throws an Error that says what the text is instead. */
export function keyFromPem(pem: string): Uint8Array {
  let key: ReturnType<typeof createPrivateKey>;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new Error('it holds no private key in PEM');
  }
  const { d } = key.asymmetricKeyType === 'ed25519' ? key.export({ format: 'jwk' }) : {};
  if (d === undefined) throw new Error(`it holds a key of type ${key.asymmetricKeyType}, not ed25519`);
  return new Uint8Array(Buffer.from(d, 'base64url'));
}

export function isSealed(text: string): boolean {
  return text.trimStart().startsWith(SEAL_HEADER);
}

export async function seal(text: string, passphrase: string, workFactor = WORK_FACTOR): Promise<string> {
  const { armor, Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  return `${armor.encode(await encrypter.encrypt(text)).trimEnd()}\n`;
}

/** Undefined: the passphrase is wrong. Throws an Error when the file is damaged. */
export async function unseal(sealed: string, passphrase: string): Promise<string | undefined> {
  const { armor, Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return await decrypter.decrypt(armor.decode(sealed), 'text');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason.includes('no identity matched')) return undefined;
    throw new Error(`its seal is damaged: ${reason}`);
  }
}
