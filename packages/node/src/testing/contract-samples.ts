/** Values that the schemas of the contract take, made from the schemas alone: whoever adds an operation adds no sample. */
import { type Route, type RouteHandlers, type Routes, routeFields } from '@p2pos/protocol';
import fc from 'fast-check';
import { z } from 'zod';

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';

/** Tried in turn where a schema does not tell what it wants. Add one where none fits. */
const CANDIDATES: readonly unknown[] = [
  'yours',
  '1',
  '5s',
  '1h',
  '65536',
  'AQ==',
  '2026-01-01T00:00:00.000Z',
  '2026-01-01T00:00:00.000000000Z',
  '/ip4/127.0.0.1/tcp/1',
  PEER,
  '0123456789abcdef',
  'a'.repeat(32),
  'a'.repeat(64),
  'x'.repeat(43),
  'kv:read',
  'rotation',
  'snapshots',
  '"1"',
  '*',
  1,
  60_000,
  0,
  Uint8Array.of(1),
  ...[8, 12, 16, 32, 64].map((size) => new Uint8Array(size)),
  [[1, 'a']],
  [],
  {},
];

/**
 * As it travels: JSON, or text of a path, query or header. Every optional field is there.
 *
 * @param preferred Tried first, for every text.
 */
export function wireSample(schema: z.core.$ZodType, preferred?: string): unknown {
  const made = construct(schema, preferred);
  for (const value of [...(preferred === undefined ? [] : [preferred]), made, ...CANDIDATES])
    if (value !== undefined && (schema as z.ZodType).safeDecode(value as never).success) return value;
  const { error } = (schema as z.ZodType).safeDecode((made ?? '') as never);
  throw new TypeError(`no sample fits; add one to CANDIDATES: ${error?.message}`);
}

/** As code handles it. */
export function sample(schema: z.ZodType, preferred?: string): unknown {
  return z.decode(schema, wireSample(schema, preferred) as never);
}

/** Everything that an operation takes. */
export function inputSample(
  route: Route,
  preferred: Readonly<Record<string, string>> = {},
): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const { name, schema } of routeFields(route)) input[name] = sample(schema, preferred[name]);
  if (route.body) input['body'] = route.body.kind === 'bytes' ? Uint8Array.of(1) : sample(route.body.schema);
  return input;
}

/** Everything that an operation may answer. */
export function outputSample({ output }: Route): unknown {
  if (output.kind === 'json') return sample(output.schema);
  const answer: Record<string, unknown> = {};
  for (const [name, { schema }] of Object.entries(output.headers)) answer[name] = sample(schema);
  return output.kind === 'bytes' ? { ...answer, body: Uint8Array.of(1, 2, 255) } : answer;
}

/** Answers every operation with its sample. */
export function sampleHandlers<R extends Routes>(routes: R): RouteHandlers<R> {
  const handlers = Object.entries(routes).map(([name, route]) => [name, async () => outputSample(route)]);
  return Object.fromEntries(handlers) as RouteHandlers<R>;
}

function construct(schema: z.core.$ZodType, preferred: string | undefined): unknown {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'string':
      return matching(schema);
    case 'boolean':
      return true;
    case 'enum':
      return Object.values(def.entries)[0];
    case 'literal':
      return def.values[0];
    case 'optional':
    case 'nullable':
    case 'readonly':
      return construct(def.innerType, preferred);
    case 'pipe':
      return pipeSample(def.in, def.out);
    case 'union':
      return wireSample(def.options[0] as z.core.$ZodType);
    case 'array':
      return [wireSample(def.element)];
    case 'record':
      return { a: wireSample(def.valueType) };
    case 'object':
      return Object.fromEntries(Object.entries(def.shape).map(([name, field]) => [name, wireSample(field)]));
    default:
      return undefined;
  }
}

/** Undefined without a pattern: then a candidate will do. */
function matching(schema: z.core.$ZodType): string | undefined {
  const { pattern } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  if (pattern === undefined) return undefined;
  const shape = new RegExp(pattern);
  if (CANDIDATES.some((text) => typeof text === 'string' && shape.test(text))) return undefined;
  return fc.sample(fc.stringMatching(shape), { seed: 1, numRuns: 1 })[0];
}

/** JSON text in a header is made from what it holds. */
function pipeSample(wire: z.core.$ZodType, value: z.core.$ZodType): unknown {
  if (value._zod.def.type === 'object') return JSON.stringify(wireSample(value));
  return construct(wire, undefined);
}
