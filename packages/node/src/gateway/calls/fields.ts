/** Inputs and outputs of operations as frames carry them: fields by name, each in the form of its schema's wire side. */
import {
  type Fields,
  firstIssue,
  mayBeAbsent,
  P2posError,
  type Route,
  type RouteField,
  refuseField,
  routeFields,
  type Stream,
} from '@p2pos/protocol';
import { z } from 'zod';

export interface FieldReader {
  /** @throws P2posError BAD_REQUEST, the code of an input's own refusal, or of a body that is too large */
  read(input: Readonly<Record<string, unknown>>): Record<string, unknown>;
}

/** Made once per route. */
export function createRouteReader(route: Route): FieldReader {
  const fields = routeFields(route).map((field) => ({ field, optional: mayBeAbsent(field.schema) }));
  const known = new Set([...fields.map(({ field }) => field.name), ...(route.body ? ['body'] : [])]);
  return {
    read(input) {
      for (const name in input) if (!known.has(name)) throw unknownField(name, known);
      const read: Record<string, unknown> = {};
      for (const { field, optional } of fields) {
        const wire = input[field.name];
        if (wire === undefined && optional) continue;
        const value = decodeField(route, field, wire);
        if (value !== undefined) read[field.name] = value;
      }
      if (route.body) read['body'] = decodeBody(route.body, input['body']);
      return read;
    },
  };
}

/** Made once per stream. */
export function createStreamReader({ input: fields }: Pick<Stream, 'input'>): FieldReader {
  const schema = z.strictObject(fields as Fields);
  const known = new Set(Object.keys(fields));
  return {
    read(input) {
      for (const name in input) if (!known.has(name)) throw unknownField(name, known);
      const result = z.safeDecode(schema, input as never);
      if (result.success) return result.data as Record<string, unknown>;
      throw new P2posError('BAD_REQUEST', { reason: `The frame is refused: ${firstIssue(result.error)}.` });
    },
  };
}

/** What `result` carries. Throws where the handler broke its contract. */
export function encodeResult({ output }: Route, value: unknown): unknown {
  if (output.kind === 'json') return z.encode(output.schema, value);
  const fields = value as Record<string, unknown>;
  const encoded: Record<string, unknown> = {};
  for (const [name, { schema }] of Object.entries(output.headers)) {
    const wire = z.encode(schema, fields[name]);
    if (wire !== undefined) encoded[name] = wire;
  }
  if (output.kind === 'bytes') encoded['body'] = fields['body'];
  return encoded;
}

function decodeField(route: Route, field: RouteField, wire: unknown): unknown {
  const result = z.safeDecode(field.schema, wire);
  if (result.success) return result.data;
  throw refuseField(route, field, wire === undefined ? 'it is missing' : firstIssue(result.error));
}

function decodeBody(body: NonNullable<Route['body']>, wire: unknown): unknown {
  if (body.kind === 'json') {
    const result = z.safeDecode(body.schema, wire);
    if (result.success) return result.data;
    throw new P2posError('BAD_REQUEST', { reason: `The body is refused: ${firstIssue(result.error)}.` });
  }
  const bytes = wire instanceof Uint8Array ? wire : fromBase64(wire);
  if (!bytes) {
    throw new P2posError('BAD_REQUEST', {
      reason: 'The body is refused: it must be bytes, in JSON {"$blob": "base64"}.',
    });
  }
  if (bytes.length > body.maxBytes)
    throw new P2posError(body.tooLarge ?? 'BODY_TOO_LARGE', { maxBytes: body.maxBytes });
  return bytes;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function fromBase64(wire: unknown): Uint8Array | undefined {
  const text = typeof wire === 'object' && wire !== null ? (wire as { $blob?: unknown }).$blob : undefined;
  if (typeof text !== 'string' || !BASE64.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function unknownField(name: string, known: ReadonlySet<string>): P2posError {
  const list = [...known].join(', ') || 'none';
  return new P2posError('BAD_REQUEST', {
    reason: `There is no input ${JSON.stringify(name.slice(0, 64))}; known are: ${list}.`,
  });
}
