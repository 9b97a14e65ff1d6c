/** Signed requests to an ACME server (RFC 8555 §6): JSON Web Signatures by ES256, a fresh nonce each, bounded answers. */
import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { z } from 'zod';
import { boundedText } from './bounded-text.ts';

const MAX_ANSWER_BYTES = 256 * 1_024;
const NONCE_ATTEMPTS = 5;

const directorySchema = z.object({ newNonce: z.url(), newAccount: z.url(), newOrder: z.url() });
const problemSchema = z.object({ type: z.string().catch(''), detail: z.string().catch('') });

export interface Answer {
  readonly text: string;
  readonly json: unknown;
  /** URL of what was made. */
  readonly location: string | undefined;
  /** In how long to ask again, ms. */
  readonly retryAfterMs: number | undefined;
}

export interface AcmeSession {
  readonly directory: z.infer<typeof directorySchema>;
  /** RFC 7638 thumbprint of the account's key. */
  readonly thumbprint: string;
  /** From the account on, requests name it instead of its key. */
  use(accountUrl: string): void;
  /** Without a payload: POST-as-GET (§6.3). */
  post(url: string, payload?: unknown): Promise<Answer>;
}

export async function openAcmeSession(
  fetch: typeof globalThis.fetch,
  { directoryUrl, key, signal }: { directoryUrl: string; key: KeyObject; signal: AbortSignal },
): Promise<AcmeSession> {
  const directory = directorySchema.parse(JSON.parse(await readOnce(directoryUrl)));
  const { kty, crv, x, y } = createPublicKey(key).export({ format: 'jwk' });
  // In this order it is what RFC 7638 hashes.
  const jwk = { crv, kty, x, y };
  const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
  let account: string | undefined;
  let nonce: string | undefined;

  async function readOnce(url: string): Promise<string> {
    const response = await fetch(url, { redirect: 'error', signal });
    if (!response.ok) throw new Error(`${url} answers ${response.status}`);
    return boundedText(response, MAX_ANSWER_BYTES);
  }

  async function nextNonce(): Promise<string> {
    const held = nonce;
    nonce = undefined;
    if (held !== undefined) return held;
    const { headers } = await fetch(directory.newNonce, { method: 'HEAD', redirect: 'error', signal });
    const fresh = headers.get('replay-nonce');
    if (fresh === null) throw new Error('the certificate authority gives no nonce');
    return fresh;
  }

  async function attempt(url: string, payload: unknown): Promise<Response> {
    const who = account === undefined ? { jwk } : { kid: account };
    const head = encode({ alg: 'ES256', nonce: await nextNonce(), url, ...who });
    const body = payload === undefined ? '' : encode(payload);
    const signature = sign('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' });
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/jose+json' },
      body: JSON.stringify({ protected: head, payload: body, signature: signature.toString('base64url') }),
      redirect: 'error',
      signal,
    });
    nonce = response.headers.get('replay-nonce') ?? undefined;
    return response;
  }

  return {
    directory,
    thumbprint,
    use: (url) => {
      account = url;
    },
    async post(url, payload) {
      for (let count = 1; ; count++) {
        const response = await attempt(url, payload);
        const text = await boundedText(response, MAX_ANSWER_BYTES);
        const json = jsonOf(text);
        if (response.ok) {
          const location = response.headers.get('location') ?? undefined;
          const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
          return { text, json, location, retryAfterMs: seconds > 0 ? seconds * 1_000 : undefined };
        }
        const { type, detail } = problemSchema.catch({ type: '', detail: '' }).parse(json);
        // Ours was used or forgotten; the answer brought another (§6.5).
        if (type.endsWith(':badNonce') && count < NONCE_ATTEMPTS) continue;
        throw new Error(`the certificate authority refuses (${response.status}): ${detail || 'no reason'}`);
      }
    },
  };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
