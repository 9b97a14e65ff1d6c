/** From what a handler returns, or throws, to status, headers and bytes. */
import { asciiJson, type P2posError, type Route } from '@p2pos/protocol';
import { z } from 'zod';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

/** On every answer; a page of ours replaces the policy by its own. */
export const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

const MAX_DETAILS_HEADER = 2_048;
export const JSON_TYPE = 'application/json; charset=utf-8';

/** Throws where the handler broke its contract: better INTERNAL than a success that says less than it promises. */
export function encodeOutput(route: Route, value: unknown): Answer {
  const { output, status = 200 } = route;
  if (output.kind === 'json') {
    const body = JSON.stringify(z.encode(output.schema, value));
    return { status, headers: { 'content-type': JSON_TYPE }, body };
  }
  const fields = value as Record<string, unknown>;
  const headers: Record<string, string> = {};
  for (const [name, field] of Object.entries(output.headers)) {
    const text = z.encode(field.schema, fields[name]);
    if (text !== undefined) headers[field.name] = String(text);
  }
  if (output.kind === 'empty') return { status, headers, body: undefined };
  if (!(fields['body'] instanceof Uint8Array)) throw new TypeError('the handler answered no bytes');
  return { status, headers: { ...headers, 'content-type': output.contentType }, body: fields['body'] };
}

export function encodeError(error: P2posError, requestId: string): Answer {
  const { code, message, status } = error;
  const details = code === 'INTERNAL' ? {} : error.details;
  const headers: Record<string, string> = { 'content-type': JSON_TYPE, 'x-p2pos-error': code };
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="p2pos"';
  if (status === 429 || status === 503) headers['retry-after'] = String(retryAfterSeconds(details));
  if (code === 'METHOD_NOT_ALLOWED') headers['allow'] = String(details['allowed']);
  return { status, headers, body: JSON.stringify({ code, message, details, requestId }, replaceWide) };
}

/** An answer to HEAD has no body, so its details travel in a header where they fit. */
export function detailsHeader({ details }: P2posError): Record<string, string> {
  const text = asciiJson(JSON.stringify(details, replaceWide));
  return text.length <= MAX_DETAILS_HEADER ? { 'x-p2pos-error-details': text } : {};
}

function retryAfterSeconds(details: P2posError['details']): number {
  const ms = details['retryAfterMs'];
  return typeof ms === 'number' && ms > 0 ? Math.ceil(ms / 1_000) : 1;
}

/** Numbers beyond 2⁵³ and bytes as the contract writes them. */
function replaceWide(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const raw = this[key];
  if (typeof raw === 'bigint') return { $int: raw.toString() };
  if (raw instanceof Uint8Array) return { $blob: Buffer.from(raw).toString('base64') };
  return value;
}
