/** What the TypeScript client takes from the contract: operations and streams as data, so that no schema travels to a page. */
import type { z } from 'zod';
import { CODECS } from '../../packages/protocol/src/contract/codecs.ts';
import { contract, streams } from '../../packages/protocol/src/contract/contract.ts';
import {
  type HeaderFields,
  mayBeAbsent,
  type Route,
  routeFields,
  type Stream,
} from '../../packages/protocol/src/index.ts';
import type { Field, Operation, StreamTable } from '../../packages/sdk/src/contract/description.ts';
import type { Shape } from '../../packages/sdk/src/contract/shape.ts';

export function sdkOperations(): string {
  const operations = Object.entries<Readonly<Record<string, Route>>>(contract).flatMap(
    ([capability, routes]) =>
      Object.entries(routes).map(([name, route]) => line(`${capability}.${name}`, operation(route))),
  );
  const kinds = Object.entries<Stream>(streams).map(([kind, stream]) => line(kind, streamTable(stream)));
  return `/** Generated from packages/protocol/src/contract/contract.ts by scripts/reference.ts. Do not edit. */
import type { OperationId, StreamKind } from '@p2pos/protocol';
import type { Operation, StreamTable } from './description.ts';

export const OPERATIONS: Readonly<Record<OperationId, Operation>> = {
${operations.join('\n')}
};

export const STREAMS: Readonly<Record<StreamKind, StreamTable>> = {
${kinds.join('\n')}
};
`;
}

function line(name: string, value: unknown): string {
  return `  '${name}': ${JSON.stringify(value)},`;
}

function operation(route: Route): Operation {
  const { method, path, body, output, invalid } = route;
  const keyed = route.headers?.['idempotencyKey'] !== undefined;
  return {
    method,
    path,
    fields: routeFields(route).map(
      ({ name, place, wireName, schema }): Field => [
        optional(name, schema),
        place,
        wireName,
        shapeOf(schema),
      ],
    ),
    ...(body && {
      body:
        body.kind === 'bytes'
          ? { bytes: body.contentType ?? 'application/octet-stream' }
          : { json: shapeOf(body.schema) },
    }),
    output:
      output.kind === 'json'
        ? { json: shapeOf(output.schema) }
        : {
            kind:
              output.kind === 'bytes' && output.contentType.startsWith('text/html') ? 'page' : output.kind,
            fields: headerFields(output.headers),
          },
    ...(invalid && { invalid }),
    repeatable: route.repeatable ?? (method === 'GET' || method === 'HEAD' || keyed),
  };
}

function headerFields(headers: HeaderFields): Field[] {
  return Object.entries(headers).map(
    ([name, { name: wireName, schema }]): Field => [
      optional(name, schema),
      'header',
      wireName,
      shapeOf(schema),
    ],
  );
}

function streamTable({ input, opened, events }: Stream): StreamTable {
  return {
    input: Object.fromEntries(
      Object.entries(input).map(([name, schema]) => [optional(name, schema), shapeOf(schema)]),
    ),
    opened: shapeOf(opened),
    events: Object.fromEntries(Object.entries(events).map(([type, schema]) => [type, shapeOf(schema)])),
  };
}

function optional(name: string, schema: z.core.$ZodType): string {
  return mayBeAbsent(schema as z.ZodType) ? `${name}?` : name;
}

/** Throws for a schema that no shape tells: name it here, or say it otherwise in the contract. */
function shapeOf(schema: z.core.$ZodType): Shape {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'string':
      return 'text';
    case 'number':
      return (def as { readonly format?: string }).format === 'safeint' ? 'integer' : 'number';
    case 'boolean':
      return 'boolean';
    case 'enum':
      return { or: Object.values(def.entries) };
    case 'literal':
      return { or: def.values };
    case 'optional':
      return shapeOf(def.innerType);
    case 'nullable':
      return { null: shapeOf(def.innerType) };
    case 'array':
      return [shapeOf(def.element)];
    case 'record':
      return { each: shapeOf(def.valueType) };
    case 'object':
      return {
        of: Object.fromEntries(
          Object.entries(def.shape).map(([name, field]) => [optional(name, field), shapeOf(field)]),
        ),
      };
    case 'unknown':
    case 'union':
      return 'any';
    case 'custom':
      return isBytes(schema as z.ZodType) ? 'bytes' : 'any';
    case 'pipe': {
      const known = Object.entries(CODECS).find(([, { decode }]) => decode === def.transform);
      if (known) return known[0] as Shape;
      if (def.in._zod.def.type === 'string' && def.out._zod.def.type === 'object')
        return { json: shapeOf(def.out) };
      break;
    }
  }
  throw new TypeError(`no shape for a schema of type ${def.type}`);
}

function isBytes(schema: z.ZodType): boolean {
  return schema.safeParse(new Uint8Array(1)).success && !schema.safeParse([]).success;
}
