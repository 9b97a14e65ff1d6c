/** A request's body in memory, never more of it than its route takes. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { P2posError, type Route } from '@p2pos/protocol';

/** How many bytes to reckon with; a chunked body may be as large as its route takes. */
export function expectedBytes(headers: IncomingHttpHeaders, route: Route | undefined): number {
  const maxBytes = route?.body?.maxBytes ?? 0;
  const declared = headers['content-length'];
  return declared === undefined ? maxBytes : Math.min(Number(declared), maxBytes);
}

/** @throws P2posError MEDIA_TYPE_UNSUPPORTED where JSON is due; bytes are taken under any name */
export function checkContentType(route: Route | undefined, contentType: string | undefined): void {
  if (route?.body?.kind !== 'json') return;
  if (/^application\/(?:json|[\w.-]+\+json) *(?:; *charset=utf-8 *)?$/i.test(contentType ?? '')) return;
  throw new P2posError('MEDIA_TYPE_UNSUPPORTED', { expected: 'application/json' });
}

/**
 * Refuses by the declared length before anything is read. What is too large is read off and dropped up to
 * `maxDrainBytes` more, since a connection that is closed while the client sends loses the answer on its way.
 */
export async function readBody(
  stream: Readable,
  {
    route,
    headers,
    maxDrainBytes,
  }: {
    readonly route: Route | undefined;
    readonly headers: IncomingHttpHeaders;
    readonly maxDrainBytes: number;
  },
): Promise<Uint8Array> {
  const maxBytes = route?.body?.maxBytes ?? 0;
  if (Number(headers['content-length'] ?? 0) > maxBytes + maxDrainBytes) throw tooLarge(route);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes + maxDrainBytes) throw tooLarge(route);
    if (length > maxBytes) chunks.length = 0;
    else chunks.push(chunk);
  }
  if (length > maxBytes) throw tooLarge(route);
  return Buffer.concat(chunks, length);
}

function tooLarge(route: Route | undefined): P2posError {
  const body = route?.body;
  if (!body) return new P2posError('BAD_REQUEST', { reason: 'This operation takes no body.' });
  const code = body.kind === 'bytes' ? (body.tooLarge ?? 'BODY_TOO_LARGE') : 'BODY_TOO_LARGE';
  return new P2posError(code, { maxBytes: body.maxBytes });
}
