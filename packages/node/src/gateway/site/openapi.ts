/** The OpenAPI 3.1 document of what this door serves, made from the contract (https://spec.openapis.org/oas/v3.1.1). */
import {
  ERRORS,
  type ErrorCode,
  INTEGER_TEXT,
  type Output,
  type Route,
  type RouteField,
  routeFields,
} from '@p2pos/protocol';
import { z } from 'zod';
import type { Operation } from '../service.ts';

type Json = Record<string, unknown>;

/** What the door itself answers, before or around an operation. */
const COMMON_ERRORS = [
  'BAD_REQUEST',
  'HOST_REFUSED',
  'ORIGIN_REFUSED',
  'URL_TOO_LONG',
  'HEADERS_TOO_LARGE',
  'REQUEST_TOO_SLOW',
  'OVERLOADED',
  'TIMEOUT',
  'NODE_CLOSING',
  'INTERNAL',
] as const satisfies ErrorCode[];
const TOKEN_ERRORS = [
  'AUTH_REQUIRED',
  'AUTH_STALE',
  'TOKEN_EXPIRED',
  'GRANT_MISSING',
  'APP_NOT_FOUND',
  'APP_SUSPENDED',
  'QUOTA_EXCEEDED',
] as const satisfies ErrorCode[];

export function createOpenApi(
  operations: readonly Operation[],
  { version }: { readonly version: string },
): Json {
  const paths: Record<string, Json> = {};
  for (const { id, route } of operations) {
    const path = route.path.replace('+}', '}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describe(id, route) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'P2POS',
      version,
      description: 'One node of a P2POS system. Any node answers for the whole system.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'p2pos_ and 43 characters' } },
      schemas: {
        Error: {
          type: 'object',
          required: ['code', 'message', 'details', 'requestId'],
          properties: {
            code: { type: 'string', examples: ['KV_KEY_NOT_FOUND'] },
            message: { type: 'string', description: 'What happened and what to do.' },
            details: { type: 'object' },
            requestId: { type: 'string', format: 'uuid' },
          },
        },
      },
    },
  };
}

function describe(id: string, route: Route): Json {
  const open = route.grant === 'none' || route.grant === 'loopback';
  const rest = /\{(\w+)\+\}/.exec(route.path)?.[1];
  return {
    operationId: id,
    tags: [id.slice(0, id.indexOf('.'))],
    summary: route.summary,
    security: open ? [{}, { token: [] }] : [{ token: [] }],
    ...(open ? {} : { 'x-p2pos-grant': route.grant }),
    ...(routeFields(route).length > 0 && {
      parameters: routeFields(route).map((field) => describeField(field, field.name === rest)),
    }),
    ...(route.body && {
      requestBody: {
        required: true,
        content:
          route.body.kind === 'json'
            ? { 'application/json': { schema: wireSchema(route.body.schema) } }
            : { [route.body.contentType ?? 'application/octet-stream']: { schema: binary } },
        'x-p2pos-max-bytes': route.body.maxBytes,
      },
    }),
    responses: { [route.status ?? 200]: success(route.output), ...failures(route) },
  };
}

const binary = { contentMediaType: 'application/octet-stream' };

function describeField({ place, wireName, schema }: RouteField, rest: boolean): Json {
  return {
    name: wireName,
    in: place,
    required: place === 'path' || !schema.safeDecode(undefined).success,
    schema: fieldSchema(schema),
    ...(rest && {
      description: 'All that follows in the path, percent-encoded once; slashes may stay literal.',
    }),
  };
}

function success(output: Output): Json {
  if (output.kind === 'json') {
    return { description: 'Done.', content: { 'application/json': { schema: wireSchema(output.schema) } } };
  }
  const headers = Object.values(output.headers).map(({ name, schema }) => [
    name,
    { required: !schema.safeDecode(undefined).success, schema: fieldSchema(schema) },
  ]);
  return {
    description: 'Done.',
    ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
    ...(output.kind === 'bytes' && { content: { [output.contentType]: { schema: binary } } }),
  };
}

function failures(route: Route): Json {
  const { errors, grant, method } = route;
  const token = grant === 'none' ? [] : TOKEN_ERRORS;
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set<ErrorCode>([...errors, ...token, ...bodyErrors(route), ...COMMON_ERRORS])) {
    byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code]);
  }
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      { description: codes.join(', '), ...(method !== 'HEAD' && { content }) },
    ]),
  );
}

function bodyErrors({ body, meter }: Route): ErrorCode[] {
  const storage: ErrorCode[] = meter && meter !== 'message' ? ['QUOTA_STORAGE'] : [];
  if (!body) return storage;
  if (body.kind === 'json') return [...storage, 'BODY_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED'];
  return [...storage, body.tooLarge ?? 'BODY_TOO_LARGE'];
}

/** Whole numbers are shown as such, everything else as the text it is on the wire. */
function fieldSchema(schema: z.ZodType): Json {
  const wire = toJsonSchema(schema, 'input');
  return wire['pattern'] === INTEGER_TEXT.source ? toJsonSchema(schema, 'output') : wire;
}

function wireSchema(schema: z.ZodType): Json {
  return toJsonSchema(schema, 'input');
}

function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
