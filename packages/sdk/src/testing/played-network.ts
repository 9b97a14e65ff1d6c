/** A network that the test plays: what each request is answered, and what was sent. */
import { connect } from '../connect.ts';
import { createManualTiming } from './manual-timing.ts';

interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: unknown;
}
export type Reply = (sent: Sent, signal: AbortSignal) => Response | Promise<Response>;

/** Each request takes the next reply; the last one stays. */
export function createNetwork(...replies: readonly Reply[]) {
  const sent: Sent[] = [];
  const fetch = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const one: Sent = {
      url: String(url),
      method: init.method ?? 'GET',
      headers: new Headers(init.headers),
      body: init.body,
    };
    sent.push(one);
    const reply = replies[Math.min(sent.length, replies.length) - 1] as Reply;
    return reply(one, init.signal as AbortSignal);
  };
  return { sent, fetch };
}

export const RECEIPT = { key: 'a', version: '1', replicas: ['p'], durable: 1 };
export const ok: Reply = () => Response.json(RECEIPT);
export const refuse =
  (status: number, code: string, headers: Record<string, string> = {}): Reply =>
  () =>
    Response.json({ code, message: `says ${code}`, details: { a: 1 }, requestId: 'r' }, { status, headers });
export const broken =
  (code?: string): Reply =>
  () => {
    throw new TypeError('fetch failed', { cause: Object.assign(new Error('socket'), { code }) });
  };
export const silent: Reply = (_sent, signal) =>
  new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError'))),
  );

export function createClient(
  network: { readonly fetch: typeof globalThis.fetch },
  urls: string | string[] = 'http://one',
) {
  const timing = createManualTiming();
  return { timing, client: connect({ url: urls, token: 't', fetch: network.fetch, timing }) };
}

export const settle = () => new Promise((resolve) => setImmediate(resolve));
