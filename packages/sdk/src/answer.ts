/** From a response to an operation's output, or to the error that it tells, by the contract alone. */
import { type ErrorDetails, firstIssue, P2posError, type Route, type RouteField } from '@p2pos/protocol';
import { RemoteError } from './remote-error.ts';

/** The output of the route; throws RemoteError for what the node refused, ANSWER_UNEXPECTED for what is no answer of one. */
export async function decodeAnswer(route: Route, response: Response, url: string): Promise<unknown> {
  const { output } = route;
  if (!response.ok) throw await decodeError(response, url);
  if (output.kind === 'json') return decode(output.schema, await readJson(response, url), url);
  const answer: Record<string, unknown> = {};
  for (const [name, { name: wireName, schema }] of Object.entries(output.headers)) {
    const value = decode(schema, response.headers.get(wireName) ?? undefined, url);
    if (value !== undefined) answer[name] = value;
  }
  if (output.kind === 'bytes') answer['body'] = new Uint8Array(await response.arrayBuffer());
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

function decode(schema: RouteField['schema'], value: unknown, url: string): unknown {
  const result = schema.safeDecode(value);
  if (result.success) return result.data;
  throw unexpected(url, firstIssue(result.error));
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
