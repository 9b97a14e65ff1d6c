/** Parameters as rqlite takes them in JSON. What it cannot take, or would take for something else, becomes a literal. */
import type { SqlValue } from '@p2pos/protocol';
import type { Statement } from '../engine.ts';
import { tokensOf } from '../statements/tokens.ts';
import type { Capabilities } from './program.ts';

type Wire = string | number | null | number[] | WideNumber;
/** A number that JavaScript would round; written into the JSON as it is. */
class WideNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** As JSON: `["INSERT … ?", 1, "a"]` or `["INSERT … :a", {"a": 1}]`. */
export function statementJson({ examined: { sql }, params }: Statement, capabilities: Capabilities): string {
  if (Array.isArray(params)) {
    const values = params as readonly SqlValue[];
    const literals = values.map((value) => literalOf(value, capabilities));
    const text = literals.some((literal) => literal !== undefined) ? withLiterals(sql, literals) : sql;
    const rest = values.map((value, at) => (literals[at] === undefined ? wireOf(value) : null));
    return `[${[JSON.stringify(text), ...rest.map(jsonOf)].join(',')}]`;
  }
  const named = params as Readonly<Record<string, SqlValue>>;
  const literals = new Map(
    Object.entries(named).map(([name, value]) => [name, literalOf(value, capabilities)]),
  );
  // It takes names that begin with a letter only.
  const text = replaceVariables(
    sql,
    (variable) => literals.get(variable.slice(1)) ?? `:p${variable.slice(1)}`,
  );
  const rest = Object.entries(named).filter(([name]) => literals.get(name) === undefined);
  const fields = rest.map(([name, value]) => `${JSON.stringify(`p${name}`)}:${jsonOf(wireOf(value))}`);
  return `[${JSON.stringify(text)}${fields.length > 0 ? `,{${fields.join(',')}}` : ''}]`;
}

/** Text of this form it takes for a blob. */
const HEX = /^[xX]'[\da-fA-F]*'$/;

function literalOf(value: SqlValue, { blobArrays }: Capabilities): string | undefined {
  if (value instanceof Uint8Array) return blobArrays ? undefined : `x'${hex(value)}'`;
  if (typeof value === 'string')
    return HEX.test(value) ? `CAST(x'${hex(new TextEncoder().encode(value))}' AS TEXT)` : undefined;
  if (typeof value === 'number' && !Number.isFinite(value)) return value > 0 ? '9e999' : '-9e999';
  return undefined;
}

function wireOf(value: SqlValue): Wire {
  if (typeof value === 'bigint') return new WideNumber(value.toString());
  if (value instanceof Uint8Array) return [...value];
  // Beyond 2⁵³ a number is a real, which JSON would write like an integer.
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return new WideNumber(value.toExponential());
  return value;
}

function jsonOf(wire: Wire): string {
  return wire instanceof WideNumber ? wire.text : JSON.stringify(wire);
}

/** Each `?` with its number, so that those that stay keep their places. */
function withLiterals(sql: string, literals: readonly (string | undefined)[]): string {
  let greatest = 0;
  return replaceVariables(sql, (variable) => {
    const number = variable === '?' ? greatest + 1 : Number(variable.slice(1));
    greatest = Math.max(greatest, number);
    return literals[number - 1] ?? `?${number}`;
  });
}

function replaceVariables(sql: string, replace: (variable: string) => string): string {
  let text = '';
  let from = 0;
  for (const { kind, text: variable, start, end } of tokensOf(sql)) {
    if (kind !== 'variable') continue;
    text += sql.slice(from, start) + replace(variable);
    from = end;
  }
  return text + sql.slice(from);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
