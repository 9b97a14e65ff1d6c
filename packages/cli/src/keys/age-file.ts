/**
 * Text sealed by a passphrase, as age does it (https://age-encryption.org/v1, one scrypt recipient, armored), so that
 * `age --decrypt` opens it too: scrypt (RFC 7914) makes the key that wraps the file key, ChaCha20-Poly1305 (RFC 8439)
 * seals both, HMAC-SHA-256 guards the header. Only what fits one chunk of 64 KiB, which a key does.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';

const VERSION = 'age-encryption.org/v1';
const BEGIN = '-----BEGIN AGE ENCRYPTED FILE-----';
const END = '-----END AGE ENCRYPTED FILE-----';
/** Of scrypt, log2: 128 MiB and about half a second. */
const WORK_FACTOR = 17;
/** A file that asks for more than 1 GiB of memory was not made here. */
const MAX_WORK_FACTOR = 20;
const MAX_TEXT_BYTES = 65_536;
const HEADER = /^age-encryption\.org\/v1\n-> scrypt ([A-Za-z0-9+/]{22}) ([1-9]\d?)\n([A-Za-z0-9+/]{43})\n---/;
const ZEROS = Buffer.alloc(12);
/** Chunk 0, and the last one. */
const ONLY_CHUNK = Buffer.concat([Buffer.alloc(11), Buffer.of(1)]);

export function isSealedText(text: string): boolean {
  return text.trimStart().startsWith(BEGIN);
}

export async function sealText(text: string, passphrase: string, workFactor = WORK_FACTOR): Promise<string> {
  const plain = Buffer.from(text);
  if (plain.length > MAX_TEXT_BYTES) throw new RangeError('only short texts are sealed');
  const salt = randomBytes(16);
  const fileKey = randomBytes(16);
  const wrapped = seal(await wrappingKey(passphrase, salt, workFactor), ZEROS, fileKey);
  const header = `${VERSION}\n-> scrypt ${bare(salt)} ${workFactor}\n${bare(wrapped)}\n---`;
  const nonce = randomBytes(16);
  const body = Buffer.concat([
    Buffer.from(`${header} ${bare(headerMac(fileKey, header))}\n`),
    nonce,
    seal(payloadKey(fileKey, nonce), ONLY_CHUNK, plain),
  ]);
  const lines = body.toString('base64').match(/.{1,64}/g) ?? [];
  return `${[BEGIN, ...lines, END].join('\n')}\n`;
}

/** Undefined: the passphrase is wrong. Throws an Error that says how the file is damaged. */
export async function openSealedText(text: string, passphrase: string): Promise<string | undefined> {
  const body = dearmor(text);
  const head = body.toString('latin1', 0, 256);
  const [header, salt = '', factor = '', wrapped = ''] = HEADER.exec(head) ?? [];
  if (header === undefined) throw new Error('its header is not that of a file sealed by a passphrase');
  const workFactor = Number(factor);
  if (workFactor > MAX_WORK_FACTOR) throw new Error(`it asks for a work factor of ${workFactor}`);
  const end = head.indexOf('\n', header.length);
  const fileKey = open(
    await wrappingKey(passphrase, Buffer.from(salt, 'base64'), workFactor),
    ZEROS,
    Buffer.from(wrapped, 'base64'),
  );
  if (!fileKey) return undefined;
  const mac = Buffer.from(head.slice(header.length + 1, end), 'base64');
  const expected = headerMac(fileKey, header);
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected))
    throw new Error('its header was changed');
  const nonce = body.subarray(end + 1, end + 17);
  const plain = open(payloadKey(fileKey, nonce), ONLY_CHUNK, body.subarray(end + 17));
  if (!plain) throw new Error('its content was changed');
  return plain.toString();
}

function dearmor(text: string): Buffer {
  const lines = text.trim().split(/\r?\n/);
  if (lines[0] !== BEGIN || lines.at(-1) !== END)
    throw new Error('it does not begin and end as a sealed file');
  const base64 = lines.slice(1, -1).join('');
  const body = Buffer.from(base64, 'base64');
  if (body.toString('base64') !== base64) throw new Error('it is no base64');
  return body;
}

function wrappingKey(passphrase: string, salt: Buffer, workFactor: number): Promise<Buffer> {
  const whole = Buffer.concat([Buffer.from(`${VERSION}/scrypt`), salt]);
  const cost = 2 ** workFactor;
  const options = { N: cost, r: 8, p: 1, maxmem: 128 * cost * 8 + 1_048_576 };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFKC'), whole, 32, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

function headerMac(fileKey: Buffer, header: string): Buffer {
  const key = Buffer.from(hkdfSync('sha256', fileKey, Buffer.alloc(0), 'header', 32));
  return createHmac('sha256', key).update(header).digest();
}

function payloadKey(fileKey: Buffer, nonce: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
}

function seal(key: Buffer, nonce: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Buffer, nonce: Buffer, sealed: Buffer): Buffer | undefined {
  if (sealed.length < 16) return undefined;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Base64 without padding. */
const bare = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
