/**
 * SQL values between code and JSON, and rows of them, without checks: those are in `sql-values.ts`. Each is one function, since
 * large results pass through it.
 */
import { fromBase64, toBase64 } from './encoding/base64.ts';

/** Whole numbers are INTEGER, beyond ±2⁵³ as bigint; other numbers are REAL. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** In JSON: null, number, text, `{"$int": "…"}`, `{"$real": "Infinity"}`, `{"$blob": "base64"}`. */
export type SqlWireValue =
  | null
  | number
  | string
  | { readonly $int: string }
  | { readonly $real: string }
  | { readonly $blob: string };

/** By position for `?` and `?NNN`, or by name for `:a`, `@a` and `$a`. */
export type SqlParams = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;
export type SqlWireParams = SqlWireValue[] | Record<string, SqlWireValue>;

export const SQL_REALS: Readonly<Record<string, number>> = {
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

export function sqlFromWire(wire: SqlWireValue): SqlValue {
  if (typeof wire !== 'object' || wire === null) return wire;
  if ('$int' in wire) return narrow(BigInt(wire.$int));
  if ('$real' in wire) return SQL_REALS[wire.$real] as number;
  return fromBase64(wire.$blob);
}

export function sqlToWire(value: SqlValue): SqlWireValue {
  if (typeof value === 'bigint') {
    const narrowed = narrow(value);
    return typeof narrowed === 'number' ? narrowed : { $int: narrowed.toString() };
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $real: String(value) };
  return value instanceof Uint8Array ? { $blob: toBase64(value) } : value;
}

function narrow(value: bigint): number | bigint {
  const small = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return small ? Number(value) : value;
}

export function rowsFromWire(rows: SqlWireValue[][]): SqlValue[][] {
  return rows.map((row) => row.map(sqlFromWire));
}

export function rowsToWire(rows: SqlValue[][]): SqlWireValue[][] {
  return rows.map((row) => row.map(sqlToWire));
}

export function paramsFromWire(params: SqlWireParams): SqlParams {
  if (Array.isArray(params)) return params.map(sqlFromWire);
  return Object.fromEntries(Object.entries(params).map(([name, wire]) => [name, sqlFromWire(wire)]));
}

export function paramsToWire(params: SqlParams): SqlWireParams {
  if (Array.isArray(params)) return params.map(sqlToWire);
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, sqlToWire(value as SqlValue)]),
  );
}
