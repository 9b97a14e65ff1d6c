/** From a response to an operation's output, or to the error that it tells, by the contract alone. */
import { type ErrorDetails, P2posError } from '@p2pos/protocol';
import type { Operation } from './contract/description.ts';
import { decodeAs } from './contract/operation.ts';
import { RemoteError } from './remote-error.ts';

/** The output of the operation; throws RemoteError for what the node refused, ANSWER_UNEXPECTED for what is no answer of one. */
export async function decodeAnswer({ output }: Operation, response: Response, url: string): Promise<unknown> {
  if (!response.ok) throw await decodeError(response, url);
  if ('json' in output) return decodeAs(output.json, await readJson(response, url), url);
  const answer: Record<string, unknown> = {};
  for (const [named, , wireName, shape] of output.fields) {
    const name = named.replace('?', '');
    const text = response.headers.get(wireName) ?? undefined;
    if (text !== undefined || named === name) answer[name] = decodeAs(shape, text, url);
  }
  if (output.kind !== 'empty') answer['body'] = new Uint8Array(await response.arrayBuffer());
  return answer;
}

async function decodeError(response: Response, url: string): Promise<P2posError> {
  const { status, headers } = response;
  const text = await response.text();
  const told = asRecord(parse(text));
  const code = told?.['code'] ?? headers.get('x-p2pos-error');
  if (typeof code !== 'string') return unexpected(url, `it answered HTTP ${status}`);
  const details = told?.['details'] ?? parse(headers.get('x-p2pos-error-details') ?? '{}');
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return new RemoteError({
    code,
    message: typeof told?.['message'] === 'string' ? told['message'] : '',
    details: (asRecord(details) ?? {}) as ErrorDetails,
    status,
    requestId: headers.get('x-request-id') ?? undefined,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1_000 : undefined,
  });
}

async function readJson(response: Response, url: string): Promise<unknown> {
  const value = parse(await response.text());
  if (value === undefined) throw unexpected(url, 'its answer is not JSON');
  return value;
}

function unexpected(url: string, reason: string): P2posError {
  return new P2posError('ANSWER_UNEXPECTED', { url, reason });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
