/** From an operation's input to a request. */
import { P2posError } from '@p2pos/protocol';
import type { Field, Operation } from './contract/description.ts';
import { encodeBody, encodeFields, refuse } from './contract/operation.ts';

export interface WireRequest {
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | string | undefined;
}

/** Throws what no request can carry as the node's own refusals, before anything is sent; the rest is the node's to judge. */
export function encodeRequest(operation: Operation, input: Readonly<Record<string, unknown>>): WireRequest {
  const headers: Record<string, string> = {};
  const query: string[] = [];
  let path = operation.path;
  for (const { name, field, wire } of encodeFields(operation, input)) {
    const [, place, wireName] = field;
    const text = String(wire);
    if (!text.isWellFormed()) throw refuse(operation, field, 'it is not well-formed Unicode');
    if (place === 'header') headers[wireName] = headerText(operation, field, text);
    if (place === 'query') query.push(`${wireName}=${encodeURIComponent(text)}`);
    if (place === 'path') {
      // URLs know `.` and `..` as steps, however they are written.
      if (/^\.{0,2}$/.test(text))
        throw refuse(operation, field, text ? 'a URL cannot carry "." or ".." as a name' : 'it is empty');
      path = path.replace(new RegExp(`\\{${name}\\+?\\}`), () => encodeURIComponent(text));
    }
  }
  const target = query.length > 0 ? `${path}?${query.join('&')}` : path;
  if (!operation.body) return { target, headers, body: undefined };
  const body = encodeBody(operation, input['body']);
  if ('bytes' in operation.body) {
    headers['content-type'] = operation.body.bytes;
    // Fetch takes no view of shared memory.
    return { target, headers, body: new Uint8Array(body as Uint8Array) };
  }
  headers['content-type'] = 'application/json';
  try {
    return { target, headers, body: JSON.stringify(body) };
  } catch (error) {
    throw new P2posError('BAD_REQUEST', { reason: `The body is refused: ${(error as Error).message}.` });
  }
}

function headerText(operation: Operation, field: Field, text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  throw refuse(operation, field, 'a header carries visible ASCII characters only');
}
