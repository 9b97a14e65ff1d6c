/**
 * Certificates for nodes that have no name of their own: a registration endpoint (AutoTLS, libp2p specs,
 * tls/autotls-client) owns a domain, lends each peer a name under it once it could dial it back, and shows the proof that
 * the certificate authority looks for.
 */
import { X509Certificate } from 'node:crypto';
import type { Crypto, Signer } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import type { Random } from '../random/index.ts';
import { orderCertificate } from './acme.ts';
import type { Certificate, Issuer } from './autotls.ts';
import { certificateRequest, keyFromPem, keyToPem, makeKey } from './certificate-key.ts';
import { KEY_PREFIX, postAsPeer } from './peer-auth.ts';

export interface ForgeDeps {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  /** The node's. */
  readonly signer: Signer;
  /** Where the endpoint may dial this node back, now. */
  readonly addresses: () => readonly string[];
  /** Kept over restarts; its text is secret. */
  readonly account: SecretText;
}

export interface SecretText {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

export interface ForgeConfig {
  /** Of the certificate authority. */
  readonly directoryUrl: string;
  /** Of the endpoint, in full. */
  readonly registrationUrl: string;
  /** That the endpoint lends names under. */
  readonly domain: string;
}

const MAX_ADDRESSES = 8;
const PRIVATE = /^\/(ip4\/(0|10|127|169\.254|192\.168|172\.(1[6-9]|2\d|3[01]))\.|ip6\/(::|f[cd]|fe[89ab]))/i;

export function createForgeIssuer(
  { fetch, clock, random, crypto, signer, addresses, account }: ForgeDeps,
  { directoryUrl, registrationUrl, domain }: ForgeConfig,
): Issuer {
  const name = forgeName(signer.publicKey, domain);

  async function accountKey() {
    const kept = await account.read();
    if (kept !== undefined) return keyFromPem(kept);
    const key = makeKey();
    await account.write(keyToPem(key));
    return key;
  }

  async function prove(proved: string, value: string, signal: AbortSignal): Promise<void> {
    if (proved !== name) throw new Error(`the certificate authority asks for a proof of ${proved}`);
    const direct = addresses().filter((address) => !address.includes('/p2p-circuit'));
    const open = direct.filter((address) => !PRIVATE.test(address));
    // An endpoint on the internet refuses private ones; one of this network may not.
    const told = (open.length > 0 ? open : direct).slice(0, MAX_ADDRESSES);
    if (told.length === 0) throw new Error('this node has no address at which it could be dialled');
    const body = JSON.stringify({ value, addresses: told });
    await postAsPeer({ fetch, signer, crypto, random }, { url: registrationUrl, body }, signal);
  }

  return {
    name,
    async issue(signal) {
      const key = makeKey();
      const names = [`*.${name}`];
      const request = certificateRequest(key, names);
      const order = { directoryUrl, accountKey: await accountKey(), names, request, prove };
      const chain = await orderCertificate({ fetch, clock }, order, signal);
      return readCertificate(`${keyToPem(key)}${chain}`, name);
    },
  };
}

/**
 * A key and its chain, and that they belong together and to the name.
 *
 * @throws Error saying what does not fit
 */
export function readCertificate(pem: string, name: string): Certificate {
  const first = new X509Certificate(pem.slice(pem.indexOf('-----BEGIN CERTIFICATE-----')));
  if (!first.checkPrivateKey(keyFromPem(pem))) throw new Error('the certificate is for another key');
  if (first.checkHost(`a.${name}`) === undefined) throw new Error(`the certificate is not for *.${name}`);
  return {
    pem,
    notBeforeMs: first.validFromDate.getTime(),
    notAfterMs: first.validToDate.getTime(),
  };
}

/** The peer id as a CID (libp2p-key) in base 36, under the domain. */
export function forgeName(publicKey: Uint8Array, domain: string): string {
  const multihash = [0, KEY_PREFIX.length + publicKey.length, ...KEY_PREFIX, ...publicKey];
  const cid = Buffer.from([1, 0x72, ...multihash]);
  return `k${BigInt(`0x${cid.toString('hex')}`).toString(36)}.${domain}`;
}
