/** Inputs and outputs of operations as frames of a socket carry them; see the node's contract, `socket.ts`. */
import {
  firstIssue,
  mayBeAbsent,
  P2posError,
  type Route,
  type RouteField,
  refuseField,
  routeFields,
} from '@p2pos/protocol';

/** Throws the same refusals as the node, before anything is sent. */
export function encodeInput(route: Route, input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const wire: Record<string, unknown> = {};
  for (const { field, optional } of fieldsOf(route)) {
    if (optional && input[field.name] === undefined) continue;
    const encoded = field.schema.safeEncode(input[field.name]);
    if (!encoded.success) throw refuseField(route, field, firstIssue(encoded.error));
    if (encoded.data !== undefined) wire[field.name] = encoded.data;
  }
  if (!route.body) return wire;
  if (route.body.kind === 'bytes') wire['body'] = input['body'];
  else {
    const encoded = route.body.schema.safeEncode(input['body']);
    if (!encoded.success)
      throw new P2posError('BAD_REQUEST', { reason: `The body is refused: ${firstIssue(encoded.error)}.` });
    wire['body'] = encoded.data;
  }
  return wire;
}

export function decodeOutput({ output }: Route, wire: unknown, url: string): unknown {
  const decode = (schema: { safeDecode(value: unknown): Decoded }, value: unknown) => {
    const result = schema.safeDecode(value);
    if (result.success) return result.data;
    throw new P2posError('ANSWER_UNEXPECTED', { url, reason: firstIssue(result.error as never) });
  };
  if (output.kind === 'json') return decode(output.schema as never, wire);
  const fields = wire as Record<string, unknown>;
  const answer: Record<string, unknown> = {};
  for (const [name, { schema }] of Object.entries(output.headers)) {
    const value = decode(schema as never, fields[name]);
    if (value !== undefined) answer[name] = value;
  }
  if (output.kind === 'bytes') answer['body'] = fields['body'];
  return answer;
}

interface Decoded {
  readonly success: boolean;
  readonly data?: unknown;
  readonly error?: unknown;
}

interface KnownField {
  readonly field: RouteField;
  readonly optional: boolean;
}
const known = new WeakMap<Route, readonly KnownField[]>();

function fieldsOf(route: Route): readonly KnownField[] {
  let fields = known.get(route);
  if (!fields) {
    fields = routeFields(route).map((field) => ({ field, optional: mayBeAbsent(field.schema) }));
    known.set(route, fields);
  }
  return fields;
}
