/**
 * How a value of the contract travels, as data instead of schemas: enough to write inputs and to read answers. Bounds and
 * patterns of inputs are left to the node, whose refusals say what was wrong.
 */
import { asciiJson, CODECS, type Codec } from '@p2pos/protocol';

type Plain = 'any' | 'text' | 'integer' | 'number' | 'boolean' | 'bytes';
/** A form of a value; a list of one form; or what several values have in common. */
export type Shape =
  | Plain
  | keyof typeof CODECS
  | readonly [Shape]
  /** One of these. */
  | { readonly or: readonly unknown[] }
  /** Or null. */
  | { readonly null: Shape }
  /** JSON text of it. */
  | { readonly json: Shape }
  /** One for each name. */
  | { readonly each: Shape }
  /** By name; `?` at the end of the name: it may be absent. What is not named is left as it is. */
  | { readonly of: Readonly<Record<string, Shape>> };
type Way = 'decode' | 'encode';

/** What is no value of the shape, and where in it. */
export class Mismatch extends Error {
  readonly path: (string | number)[] = [];

  get reason(): string {
    return this.path.length > 0 ? `${this.path.join('.')}: ${this.message}` : this.message;
  }
}

const PLAIN: Readonly<Record<Plain, readonly [(value: unknown) => boolean, string]>> = {
  any: [() => true, ''],
  text: [(value) => typeof value === 'string', 'must be text'],
  integer: [(value) => Number.isInteger(value), 'must be a whole number'],
  number: [(value) => typeof value === 'number', 'must be a number'],
  boolean: [(value) => typeof value === 'boolean', 'must be true or false'],
  bytes: [(value) => value instanceof Uint8Array, 'must be bytes'],
};

/** Value to wire; the value is left alone. @throws Mismatch */
export function encodeShape(shape: Shape, value: unknown): unknown {
  return convert(shape, value, 'encode');
}

/** Wire to value; what was read is changed in place. @throws Mismatch */
export function decodeShape(shape: Shape, wire: unknown): unknown {
  return convert(shape, wire, 'decode');
}

function convert(shape: Shape, value: unknown, way: Way): unknown {
  if (typeof shape === 'string') {
    if (value === undefined && shape !== 'any') throw new Mismatch('it is missing');
    if (shape in PLAIN) return check(PLAIN[shape as Plain], value);
    return guard(() => (CODECS[shape as keyof typeof CODECS] as Codec<unknown, unknown>)[way](value));
  }
  if ('null' in shape) return value === null ? null : convert(shape.null, value, way);
  if (value === undefined) throw new Mismatch('it is missing');
  if ('or' in shape) {
    if (shape.or.includes(value)) return value;
    throw new Mismatch(`must be ${shape.or.join(' or ')}`);
  }
  if ('json' in shape) {
    if (way === 'encode') return asciiJson(JSON.stringify(convert(shape.json, value, way)));
    return convert(
      shape.json,
      guard(() => JSON.parse(value as string)),
      way,
    );
  }
  if (typeof value !== 'object' || value === null) throw new Mismatch('must be an object');
  if ('of' in shape) return convertObject(shape.of, value as Record<string, unknown>, way);
  if ('each' in shape) {
    const pairs = Object.entries(value).map(([name, item]) => [
      name,
      within(name, () => convert(shape.each, item, way)),
    ]);
    return Object.fromEntries(pairs);
  }
  if (!Array.isArray(value)) throw new Mismatch('must be a list');
  return value.map((item, i) => within(i, () => convert(shape[0], item, way)));
}

function convertObject(fields: Readonly<Record<string, Shape>>, value: Record<string, unknown>, way: Way) {
  const out = way === 'encode' ? { ...value } : value;
  for (const named in fields) {
    const isOptional = named.endsWith('?');
    const name = isOptional ? named.slice(0, -1) : named;
    if (isOptional && value[name] === undefined) delete out[name];
    else {
      try {
        out[name] = convert(fields[named] as Shape, value[name], way);
      } catch (error) {
        throw placed(error, name);
      }
    }
  }
  return out;
}

function check([test, error]: readonly [(value: unknown) => boolean, string], value: unknown): unknown {
  if (test(value)) return value;
  throw new Mismatch(error);
}

function within<T>(name: string | number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw placed(error, name);
  }
}

function placed(error: unknown, name: string | number): unknown {
  if (error instanceof Mismatch) error.path.unshift(name);
  return error;
}

function guard<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new Mismatch(error instanceof Error ? error.message : String(error));
  }
}
