/** JSON Schemas (2020-12) of what travels over the WebSocket door as JSON, from the contract. */
import { z } from 'zod';
import { mayBeAbsent, type Route, routeFields, type Stream } from '../../packages/protocol/src/index.ts';

export type Json = Readonly<Record<string, unknown>>;

const BLOB = { $ref: '#/components/schemas/Blob' };

/** What several frames have in common. */
export const SHARED: Readonly<Record<string, Json>> = {
  Blob: {
    type: 'object',
    description: 'Bytes; in CBOR a byte string.',
    properties: { $blob: { type: 'string', contentEncoding: 'base64' } },
    required: ['$blob'],
    additionalProperties: false,
  },
  Id: {
    description: 'Chosen by the client, for as long as what it names goes on.',
    oneOf: [
      { type: 'integer', minimum: 0 },
      { type: 'string', minLength: 1, maxLength: 64 },
    ],
  },
};

export function wireSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      if (isBytes(zodSchema)) Object.assign(jsonSchema, BLOB);
      // The bounds of a safe integer say nothing.
      for (const bound of ['minimum', 'maximum'] as const)
        if (Math.abs(jsonSchema[bound] ?? 0) === Number.MAX_SAFE_INTEGER) delete jsonSchema[bound];
    },
  });
  return rest;
}

/** The input of a call: fields by their names in code, the body under `body`. */
export function inputSchema(route: Route): Json {
  const properties: Record<string, Json> = {};
  const required: string[] = [];
  for (const { name, schema } of routeFields(route)) {
    properties[name] = wireSchema(schema);
    if (!mayBeAbsent(schema)) required.push(name);
  }
  if (route.body) {
    properties['body'] = route.body.kind === 'bytes' ? BLOB : wireSchema(route.body.schema);
    required.push('body');
  }
  return objectOf(properties, required);
}

export function outputSchema({ output }: Route): Json {
  if (output.kind === 'json') return wireSchema(output.schema);
  const properties: Record<string, Json> = {};
  const required: string[] = [];
  for (const [name, { schema }] of Object.entries(output.headers)) {
    properties[name] = wireSchema(schema);
    if (!mayBeAbsent(schema)) required.push(name);
  }
  if (output.kind === 'bytes') {
    properties['body'] = BLOB;
    required.push('body');
  }
  return { type: 'object', properties, required };
}

export function subscribeSchema(kind: string, { input }: Stream): Json {
  const properties: Record<string, Json> = {
    op: { const: 'subscribe' },
    id: idSchema,
    kind: { const: kind },
  };
  const required = ['op', 'id', 'kind'];
  for (const [name, schema] of Object.entries(input)) {
    properties[name] = wireSchema(schema);
    if (!mayBeAbsent(schema)) required.push(name);
  }
  return objectOf(properties, required);
}

/** A frame of the node about a subscription. */
export function eventSchema(type: string, fields: z.ZodObject): Json {
  const own = wireSchema(fields) as { readonly properties?: Json; readonly required?: readonly string[] };
  return {
    type: 'object',
    properties: { id: idSchema, type: { const: type }, ...own.properties },
    required: ['id', 'type', ...(own.required ?? [])],
  };
}

export const idSchema: Json = { $ref: '#/components/schemas/Id' };

export function objectOf(properties: Readonly<Record<string, Json>>, required: readonly string[]): Json {
  return { type: 'object', properties, required, additionalProperties: false };
}

/** A schema of code alone: takes bytes and no list. */
function isBytes(schema: z.core.$ZodType): boolean {
  if (schema._zod.def.type !== 'custom') return false;
  return z.safeParse(schema, new Uint8Array(1)).success && !z.safeParse(schema, []).success;
}
