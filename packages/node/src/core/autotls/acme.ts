/** A certificate by ACME (RFC 8555) with proof through the DNS (§8.4), the only one that a name with * is given for. */
import { createHash, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { type Clock, sleep } from '../clock/index.ts';
import { type Answer, openAcmeSession } from './acme-session.ts';

export interface AcmeOrder {
  readonly directoryUrl: string;
  /** The account's; made there at first use. Using it is agreeing to the authority's terms. */
  readonly accountKey: KeyObject;
  readonly names: readonly string[];
  /** In DER, for the same names. */
  readonly request: Uint8Array;
  /** Puts the text at `_acme-challenge.<name>`, where the authority looks for it. */
  readonly prove: (name: string, text: string, signal: AbortSignal) => Promise<void>;
}

const POLL_MS = 1_000;
const MAX_POLL_MS = 10_000;
const MAX_AUTHORIZATIONS = 8;

const orderSchema = z.object({
  status: z.string(),
  authorizations: z.array(z.url()).max(MAX_AUTHORIZATIONS),
  finalize: z.url(),
  certificate: z.url().optional(),
});
const challengeSchema = z.object({
  type: z.string(),
  url: z.url(),
  token: z.string().max(256).optional(),
  error: z.object({ detail: z.string() }).optional(),
});
const authorizationSchema = z.object({
  status: z.string(),
  identifier: z.object({ value: z.string().max(255) }),
  challenges: z.array(challengeSchema).max(16),
});

/** The chain in PEM, ours first. Rejects with what the authority or the proof was refused with. */
export async function orderCertificate(
  { fetch, clock }: { readonly fetch: typeof globalThis.fetch; readonly clock: Clock },
  { directoryUrl, accountKey, names, request, prove }: AcmeOrder,
  signal: AbortSignal,
): Promise<string> {
  const session = await openAcmeSession(fetch, { directoryUrl, key: accountKey, signal });
  const account = await session.post(session.directory.newAccount, { termsOfServiceAgreed: true });
  session.use(urlOf(account, 'account'));
  const identifiers = names.map((value) => ({ type: 'dns', value }));
  const made = await session.post(session.directory.newOrder, { identifiers });
  const orderUrl = urlOf(made, 'order');
  for (const url of orderSchema.parse(made.json).authorizations) await authorize(url);
  const { finalize } = orderSchema.parse(made.json);
  await session.post(finalize, { csr: Buffer.from(request).toString('base64url') });
  const done = await until(orderUrl, orderSchema, ({ status }) => status === 'valid' || status === 'invalid');
  if (done.status !== 'valid' || done.certificate === undefined)
    throw new Error('the certificate authority did not fill the order');
  return (await session.post(done.certificate)).text;

  async function authorize(url: string): Promise<void> {
    const { status, identifier, challenges } = authorizationSchema.parse((await session.post(url)).json);
    // Proved lately, for an order before.
    if (status === 'valid') return;
    const challenge = challenges.find(({ type }) => type === 'dns-01');
    if (!challenge?.token) throw new Error('the certificate authority takes no proof through the DNS');
    const answer = `${challenge.token}.${session.thumbprint}`;
    await prove(identifier.value, createHash('sha256').update(answer).digest('base64url'), signal);
    await session.post(challenge.url, {});
    const judged = await until(url, authorizationSchema, (one) => one.status !== 'pending');
    if (judged.status === 'valid') return;
    const reason = judged.challenges.find(({ error }) => error)?.error?.detail ?? judged.status;
    throw new Error(`the certificate authority did not accept the proof: ${reason}`);
  }

  /** Ends with the signal, which carries the deadline. */
  async function until<T>(url: string, schema: z.ZodType<T>, isDone: (value: T) => boolean): Promise<T> {
    for (;;) {
      const { json, retryAfterMs } = await session.post(url);
      const value = schema.parse(json);
      if (isDone(value)) return value;
      await sleep(clock, Math.min(retryAfterMs ?? POLL_MS, MAX_POLL_MS), { signal });
    }
  }
}

function urlOf({ location }: Answer, what: string): string {
  if (location === undefined || !URL.canParse(location))
    throw new Error(`the certificate authority names no ${what}`);
  return location;
}
