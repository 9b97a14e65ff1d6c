/** CDDL (RFC 8610) from schemas of the contract: what they take as it travels in CBOR. */
import { z } from 'zod';
import { cddlTypes, mayBeAbsent } from '../../packages/protocol/src/index.ts';

type Schema = z.core.$ZodType;

/** A type; `note` is what CDDL cannot say. */
interface Typed {
  readonly type: string;
  readonly note?: string | undefined;
}

/** `name = type`, with its notes as comments. */
export function rule(name: string, schema: Schema): string {
  const { type, note } = typeOf(schema, '');
  return `${name} = ${type}${note === undefined ? '' : ` ; ${note}`}\n`;
}

/** The members of a map, one a line. */
export function members(fields: Readonly<Record<string, Schema>>, indent: string): string {
  return Object.entries(fields)
    .map(([name, schema]) => {
      const { type, note } = typeOf(schema, indent);
      const mark = mayBeAbsent(schema as z.ZodType) ? '? ' : '';
      const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
      return `${indent}${mark}${key}: ${type},${note === undefined ? '' : ` ; ${note}`}\n`;
    })
    .join('');
}

function typeOf(schema: Schema, indent: string): Typed {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const told = cddlTypes.get(schema as z.ZodType);
  if (told) return { type: told.cddl, note: told.cddl === 'tstr' ? refusalOf(schema) : undefined };
  switch (def.type) {
    case 'string':
      return { type: 'tstr', note: refusalOf(schema) };
    case 'number':
      return { type: (def as { format?: string }).format === 'safeint' ? whole(schema) : 'number' };
    case 'bigint':
      return { type: 'int' };
    case 'boolean':
      return { type: 'bool' };
    case 'enum':
      return { type: Object.values(def.entries).map(literal).join(' / ') };
    case 'literal':
      return { type: def.values.map(literal).join(' / ') };
    case 'optional':
    case 'readonly':
    case 'default':
      return typeOf(def.innerType, indent);
    case 'nullable': {
      const inner = typeOf(def.innerType, indent);
      return { ...inner, type: `${inner.type} / null` };
    }
    case 'union': {
      const choices = def.options.map((option) => typeOf(option, indent).type);
      return { type: [...new Set(choices)].join(' / ') };
    }
    case 'array': {
      const inner = typeOf(def.element, indent);
      return { type: `[${occurs(schema)}${grouped(inner.type)}]`, note: inner.note };
    }
    case 'tuple':
      return { type: `[${def.items.map((item) => grouped(typeOf(item, indent).type)).join(', ')}]` };
    case 'record':
      return { type: `{* tstr => ${typeOf(def.valueType, indent).type}}` };
    case 'object': {
      const open = def.catchall?._zod.def.type === 'unknown' ? `${indent}  * tstr => any,\n` : '';
      const inner = members(def.shape, `${indent}  `);
      return { type: inner + open === '' ? '{}' : `{\n${inner}${open}${indent}}` };
    }
    case 'custom':
      return probed(schema);
    case 'pipe':
      return typeOf(def.in, indent);
    default:
      return { type: 'any' };
  }
}

function literal(value: unknown): string {
  return value === null ? 'null' : JSON.stringify(value);
}

function grouped(type: string): string {
  return type.includes(' / ') && !type.startsWith('{') ? `(${type})` : type;
}

function whole(schema: Schema): string {
  const { minimum, maximum } = boundsOf(schema);
  const bounded = (bound: number | undefined) =>
    bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  if (bounded(minimum) && bounded(maximum)) return `${minimum}..${maximum}`;
  return bounded(minimum) ? (minimum === 0 ? 'uint' : `int .ge ${minimum}`) : 'int';
}

function occurs(schema: Schema): string {
  const { minItems = '', maxItems = '' } = boundsOf(schema);
  return `${minItems}*${maxItems} `;
}

function boundsOf(schema: Schema) {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

/** A check of code alone: what it takes tells its type, its refusal the rest. */
function probed(schema: Schema): Typed {
  const takes = (value: unknown) => (schema as z.ZodType).safeParse(value).success;
  const note = refusalOf(schema);
  if ([0, 1, 12, 16, 32, 64].some((size) => takes(new Uint8Array(size)))) return { type: 'bstr', note };
  if (takes([])) return { type: '[* any]', note };
  if (takes({})) return { type: '{* tstr => any}', note };
  if (['a', 'a/kv', 'a/kv/b', 'a/.b'].some(takes)) return { type: 'tstr', note };
  return { type: takes(1) || takes(0) ? 'int' : 'any', note };
}

/** What its refusal says beyond "it is of another type". */
function refusalOf(schema: Schema): string | undefined {
  for (const wrong of [Symbol('none') as unknown, '', '\u0000']) {
    const message = (schema as z.ZodType).safeParse(wrong).error?.issues[0]?.message;
    if (message !== undefined && !/^(Invalid|Too)/.test(message)) return message.replaceAll('\n', ' ');
  }
  return undefined;
}
