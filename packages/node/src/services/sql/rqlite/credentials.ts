/**
 * What the voters of one database prove themselves with, derived by each of them from the secret that its catalogue entry
 * holds, which only members can read: the password of the engine's HTTP door, and the key of the one certificate that all
 * of them present to each other and accept (mutual TLS between voters).
 */
import { createHmac, createPrivateKey, createPublicKey, sign, X509Certificate } from 'node:crypto';

export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export const USER = 'p2pos';
/** The name in the certificate. */
export const SERVER_NAME = 'p2pos-sql';

/** PKCS #8 of an Ed25519 key up to its 32 bytes (RFC 8410 §7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const ED25519 = Buffer.from('300506032b6570', 'hex');
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex');
const [SEQUENCE, SET, INTEGER, BIT_STRING, OCTET_STRING, UTF8_STRING, GENERALIZED_TIME] = [
  0x30, 0x31, 0x02, 0x03, 0x04, 0x0c, 0x18,
] as const;

export function deriveCredentials(secret: Uint8Array): Credentials {
  const derive = (purpose: string) => createHmac('sha256', secret).update(`p2pos/sql/${purpose}/1`).digest();
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, derive('tls')]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(SERVER_NAME)))),
  );
  const altName = der(SEQUENCE, der(0x82, Buffer.from(SERVER_NAME)));
  const body = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.of(2))),
    der(INTEGER, Buffer.of(1)),
    ED25519,
    name,
    der(SEQUENCE, time('20200101000000Z'), time('20991231235959Z')),
    name,
    spki,
    der(0xa3, der(SEQUENCE, der(SEQUENCE, SUBJECT_ALT_NAME, der(OCTET_STRING, altName)))),
  );
  const whole = der(SEQUENCE, body, ED25519, der(BIT_STRING, Buffer.of(0), sign(null, body, key)));
  return {
    user: USER,
    password: derive('http').toString('base64url'),
    certificate: new X509Certificate(whole).toString(),
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

/** ITU-T X.690, lengths up to 65 535. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), content]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >>> 8, length & 0xff), content]);
}

function time(text: string): Buffer {
  return der(GENERALIZED_TIME, Buffer.from(text));
}
