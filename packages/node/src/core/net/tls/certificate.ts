/**
 * The certificate of libp2p's TLS (libp2p specs, tls): self-signed by a key of its own, with an extension in which the
 * node's key vouches for that key. One serves all connections of a process.
 */
import { createPublicKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { peerIdFromPublicKey } from '@libp2p/peer-id';
import type { PeerId } from '@p2pos/protocol/rpc';
import {
  BIT_STRING,
  DerFault,
  der,
  derContent,
  derItems,
  explicit,
  GENERALIZED_TIME,
  INTEGER,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  SEQUENCE,
  SET,
  UTF8_STRING,
} from './der.ts';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

/** Why a peer's certificate was refused; `message` says what is wrong with it. */
export class CertificateFault extends Error {}

const SIGNED_PREFIX = new TextEncoder().encode('libp2p-tls-handshake:');
/** 1.3.6.1.4.1.53594.1.1 */
const LIBP2P_EXTENSION = hex('2b0601040183a25a0101');
/** ecdsa-with-SHA256, RFC 5758 §3.2 */
const ECDSA_SHA256 = der(SEQUENCE, der(OBJECT_IDENTIFIER, hex('2a8648ce3d040302')));
const COMMON_NAME = hex('550403');
const TRUE = hex('0101ff');
/** Independent of any clock, and without end (RFC 5280 §4.1.2.5): the node's key is what vouches. */
const VALIDITY = der(SEQUENCE, time('20000101000000Z'), time('99991231235959Z'));
/** Certificates have a few hundred bytes; the bound is on the work a stranger can ask for. */
const MAX_CERTIFICATE_BYTES = 8_192;

export async function createCertificate(nodeKey: PrivateKey): Promise<Certificate> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const signature = await nodeKey.sign(Buffer.concat([SIGNED_PREFIX, spki]));
  const vouched = der(
    SEQUENCE,
    der(OCTET_STRING, publicKeyToProtobuf(nodeKey.publicKey)),
    der(OCTET_STRING, signature),
  );
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, der(OBJECT_IDENTIFIER, COMMON_NAME), der(UTF8_STRING, Buffer.from('libp2p')))),
  );
  const body = der(
    SEQUENCE,
    der(explicit(0), der(INTEGER, Uint8Array.of(2))),
    der(INTEGER, Uint8Array.of(1)),
    ECDSA_SHA256,
    name,
    VALIDITY,
    name,
    spki,
    der(
      explicit(3),
      der(
        SEQUENCE,
        der(SEQUENCE, der(OBJECT_IDENTIFIER, LIBP2P_EXTENSION), TRUE, der(OCTET_STRING, vouched)),
      ),
    ),
  );
  const seal = sign('sha256', body, privateKey);
  const whole = der(SEQUENCE, body, ECDSA_SHA256, der(BIT_STRING, Uint8Array.of(0), seal));
  return {
    cert: new X509Certificate(whole).toString(),
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

/**
 * The peer that vouches for the certificate. That the other side holds the certificate's own key is proved by TLS.
 *
 * @throws CertificateFault
 */
export async function verifyCertificate(raw: Uint8Array | undefined, nowMs: number): Promise<PeerId> {
  if (!raw || raw.length > MAX_CERTIFICATE_BYTES)
    throw new CertificateFault('there is none, or it is too long');
  try {
    const certificate = new X509Certificate(raw);
    if (certificate.validFromDate.getTime() > nowMs) throw new CertificateFault('it is not valid yet');
    if (certificate.validToDate.getTime() < nowMs) throw new CertificateFault('it has expired');
    if (!certificate.verify(certificate.publicKey))
      throw new CertificateFault('it is not signed by its own key');
    const [publicKey, signature, ...rest] = derItems(derContent(libp2pExtension(raw), SEQUENCE));
    if (publicKey?.tag !== OCTET_STRING || signature?.tag !== OCTET_STRING || rest.length > 0) {
      throw new CertificateFault('its extension is malformed');
    }
    const nodeKey = publicKeyFromProtobuf(publicKey.content);
    const spki = createPublicKey(certificate.publicKey.export({ format: 'pem', type: 'spki' })).export({
      format: 'der',
      type: 'spki',
    });
    if (!(await nodeKey.verify(Buffer.concat([SIGNED_PREFIX, spki]), signature.content))) {
      throw new CertificateFault('the key of its peer does not vouch for it');
    }
    return peerIdFromPublicKey(nodeKey).toString();
  } catch (error) {
    if (error instanceof CertificateFault) throw error;
    throw new CertificateFault('it is malformed', { cause: error });
  }
}

/** @throws CertificateFault, DerFault */
function libp2pExtension(raw: Uint8Array): Uint8Array {
  const [body] = derItems(derContent(raw, SEQUENCE));
  if (body?.tag !== SEQUENCE) throw new DerFault('no certificate');
  const extensions = derItems(body.content).find(({ tag }) => tag === explicit(3));
  if (!extensions) throw new CertificateFault('it has no extensions');
  let found: Uint8Array | undefined;
  for (const extension of derItems(derContent(extensions.content, SEQUENCE))) {
    const [id, ...rest] = derItems(extension.content);
    const value = rest.at(-1);
    if (id?.tag !== OBJECT_IDENTIFIER || value?.tag !== OCTET_STRING) throw new DerFault('an odd extension');
    if (Buffer.compare(id.content, LIBP2P_EXTENSION) === 0) {
      if (found) throw new CertificateFault('it has two extensions of libp2p');
      found = value.content;
    } else if (rest.length > 1 && rest[0]?.content[0] !== 0) {
      throw new CertificateFault('it has a critical extension that is unknown');
    }
  }
  if (!found) throw new CertificateFault('it lacks the extension of libp2p');
  return found;
}

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

function time(text: string): Uint8Array {
  return der(GENERALIZED_TIME, Buffer.from(text));
}
