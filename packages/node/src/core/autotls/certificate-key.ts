/** A key for one certificate and the request (PKCS #10, RFC 2986) for it; P-256, which every browser takes. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  BIT_STRING,
  der,
  explicit,
  INTEGER,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  SEQUENCE,
  SET,
} from '../der/index.ts';

/** ecdsa-with-SHA256, RFC 5758 §3.2 */
const ECDSA_SHA256 = der(SEQUENCE, identifier('2a8648ce3d040302'));
/** 1.2.840.113549.1.9.14, RFC 2985 §5.4.2 */
const EXTENSION_REQUEST = identifier('2a864886f70d01090e');
/** 2.5.29.17, RFC 5280 §4.2.1.6 */
const SUBJECT_ALT_NAME = identifier('551d11');
/** Context-specific, primitive: a name of the DNS in a subjectAltName. */
const DNS_NAME = 0x82;

export function makeKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** PKCS #8 in PEM. */
export function keyToPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

export function keyFromPem(pem: string): KeyObject {
  return createPrivateKey(pem);
}

/** In DER. The names go into the subjectAltName alone: authorities take them from nowhere else. */
export function certificateRequest(key: KeyObject, names: readonly string[]): Uint8Array {
  const spki = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
  const altNames = der(SEQUENCE, ...names.map((name) => der(DNS_NAME, Buffer.from(name, 'ascii'))));
  const extensions = der(SEQUENCE, der(SEQUENCE, SUBJECT_ALT_NAME, der(OCTET_STRING, altNames)));
  const body = der(
    SEQUENCE,
    der(INTEGER, Uint8Array.of(0)),
    der(SEQUENCE),
    spki,
    der(explicit(0), der(SEQUENCE, EXTENSION_REQUEST, der(SET, extensions))),
  );
  return der(SEQUENCE, body, ECDSA_SHA256, der(BIT_STRING, Uint8Array.of(0), sign('sha256', body, key)));
}

function identifier(hex: string): Uint8Array {
  return der(OBJECT_IDENTIFIER, Buffer.from(hex, 'hex'));
}
