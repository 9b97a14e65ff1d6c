/** HTTP requests in the name of a peer id (libp2p specs, http/peer-id-auth): both sides sign what the other chose. */
import type { Crypto, Signer } from '@p2pos/protocol';
import type { Random } from '../random/index.ts';
import { boundedText } from './bounded-text.ts';

const SCHEME = 'libp2p-PeerID';
const MAX_ANSWER_BYTES = 16_384;
/** An Ed25519 key as libp2p's protobuf writes it, up to the 32 bytes of the key. */
export const KEY_PREFIX = Uint8Array.of(8, 1, 18, 32);
const KEY_BYTES = KEY_PREFIX.length + 32;

export interface PeerRequest {
  readonly url: string;
  readonly body: string;
}

export interface PeerAuthDeps {
  readonly fetch: typeof globalThis.fetch;
  readonly signer: Signer;
  readonly crypto: Pick<Crypto, 'verify'>;
  readonly random: Pick<Random, 'bytes'>;
}

/** The text of the answer; the server chose first. Rejects unless it answers 2xx and signed our challenge. */
export async function postAsPeer(
  { fetch, signer, crypto, random }: PeerAuthDeps,
  { url, body }: PeerRequest,
  signal: AbortSignal,
): Promise<string> {
  const { hostname } = new URL(url);
  const post = (authorization?: string) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
      body,
      redirect: 'error',
      signal,
    });
  const asked = await post();
  const said = await boundedText(asked, MAX_ANSWER_BYTES);
  const offered = parametersOf(asked.headers.get('www-authenticate'));
  const challenge = offered.get('challenge-client');
  const serverKey = Buffer.from(offered.get('public-key') ?? '', 'base64url');
  if (asked.status !== 401 || challenge === undefined || !isEd25519(serverKey))
    throw new Error(`${hostname} asks for no peer's identity (${asked.status}): ${shown(said)}`);

  const ownKey = Buffer.concat([KEY_PREFIX, signer.publicKey]);
  const ours = Buffer.from(random.bytes(32)).toString('base64url');
  const proof = await signer.sign(
    signedBytes({ 'challenge-client': challenge, hostname, 'server-public-key': serverKey }),
  );
  const parameters = {
    'public-key': ownKey.toString('base64url'),
    opaque: offered.get('opaque') ?? '',
    'challenge-server': ours,
    sig: Buffer.from(proof).toString('base64url'),
  };
  const words = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`);
  const answer = await post(`${SCHEME} ${words.join(', ')}`);
  const text = await boundedText(answer, MAX_ANSWER_BYTES);
  if (!answer.ok) throw new Error(`${hostname} refuses (${answer.status}): ${shown(text)}`);
  const seal = parametersOf(answer.headers.get('authentication-info')).get('sig') ?? '';
  const sealed = signedBytes({ 'challenge-server': ours, 'client-public-key': ownKey, hostname });
  if (!(await crypto.verify(serverKey.subarray(KEY_PREFIX.length), sealed, Buffer.from(seal, 'base64url'))))
    throw new Error(`${hostname} does not hold the key that it names`);
  return text;
}

/** What is signed (section "Signing"): the scheme, then each parameter behind its length, by name. */
export function signedBytes(parameters: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  const names = Object.keys(parameters).sort();
  const parts = names.flatMap((name) => {
    const part = Buffer.concat([Buffer.from(`${name}=`), Buffer.from(parameters[name] ?? '')]);
    return [varint(part.length), part];
  });
  return Buffer.concat([Buffer.from(SCHEME), ...parts]);
}

export function parametersOf(header: string | null): ReadonlyMap<string, string> {
  if (!header?.startsWith(`${SCHEME} `)) return new Map();
  return new Map(
    [...header.matchAll(/([a-z-]+)="([^"]{0,4096})"/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

const shown = (text: string) => text.slice(0, 200).trim() || 'no reason';

function isEd25519(key: Uint8Array): boolean {
  return key.length === KEY_BYTES && KEY_PREFIX.every((byte, index) => key[index] === byte);
}

function varint(value: number): Uint8Array {
  return value < 0x80 ? Uint8Array.of(value) : Uint8Array.of((value & 0x7f) | 0x80, value >>> 7);
}
