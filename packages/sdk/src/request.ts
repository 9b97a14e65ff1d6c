/** From an operation's input to a request, by the contract alone. */
import {
  firstIssue,
  P2posError,
  type Route,
  type RouteField,
  refuseField,
  routeFields,
} from '@p2pos/protocol';

export interface WireRequest {
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | string | undefined;
}

/** Throws the same refusals as the node, before anything is sent. */
export function encodeRequest(route: Route, input: Readonly<Record<string, unknown>>): WireRequest {
  const headers: Record<string, string> = {};
  const query: string[] = [];
  let path = route.path;
  for (const field of routeFields(route)) {
    const text = encodeField(route, field, input[field.name]);
    if (text === undefined) continue;
    if (field.place === 'header') headers[field.wireName] = text;
    if (field.place === 'query') query.push(`${field.wireName}=${encodeURIComponent(text)}`);
    if (field.place === 'path') path = fill(path, route, field, text);
  }
  const target = query.length > 0 ? `${path}?${query.join('&')}` : path;
  if (!route.body) return { target, headers, body: undefined };
  if (route.body.kind === 'bytes') {
    headers['content-type'] = route.body.contentType ?? 'application/octet-stream';
    // Fetch takes no view of shared memory.
    return { target, headers, body: new Uint8Array(input['body'] as Uint8Array) };
  }
  headers['content-type'] = 'application/json';
  const encoded = route.body.schema.safeEncode(input['body']);
  if (encoded.success) return { target, headers, body: JSON.stringify(encoded.data) };
  throw new P2posError('BAD_REQUEST', { reason: `The body is refused: ${firstIssue(encoded.error)}.` });
}

function encodeField(route: Route, field: RouteField, value: unknown): string | undefined {
  const encoded = field.schema.safeEncode(value);
  if (!encoded.success) throw refuseField(route, field, firstIssue(encoded.error));
  return encoded.data === undefined ? undefined : String(encoded.data);
}

function fill(path: string, route: Route, field: RouteField, text: string): string {
  // URLs know `.` and `..` as steps, however they are written.
  if (/^\.\.?$/.test(text)) throw refuseField(route, field, 'a URL cannot carry "." or ".." as a name');
  return path.replace(new RegExp(`\\{${field.name}\\+?\\}`), () => encodeURIComponent(text));
}
