/** SQL values between code and JSON, and rows of them. Each is one function, since large results pass through it. */
import { base64pad } from 'multiformats/bases/base64';
import { z } from 'zod';

/** Whole numbers are INTEGER, beyond ±2⁵³ as bigint; other numbers are REAL. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** In JSON: null, number, text, `{"$int": "…"}`, `{"$real": "Infinity"}`, `{"$blob": "base64"}`. */
type WireValue =
  | null
  | number
  | string
  | { readonly $int: string }
  | { readonly $real: string }
  | { readonly $blob: string };

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const INT = /^-?(?:0|[1-9]\d{0,18})$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const REALS: Readonly<Record<string, number>> = {
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

export function isSqlValue(value: unknown): value is SqlValue {
  if (value === null) return true;
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return !Number.isNaN(value);
  if (typeof value === 'bigint') return value >= INT64_MIN && value <= INT64_MAX;
  return value instanceof Uint8Array;
}

function isWireValue(wire: unknown): wire is WireValue {
  if (wire === null || typeof wire === 'number') return true;
  if (typeof wire === 'string') return wire.isWellFormed();
  if (typeof wire !== 'object') return false;
  const keys = Object.keys(wire);
  if (keys.length !== 1) return false;
  const { $int, $real, $blob } = wire as { $int?: unknown; $real?: unknown; $blob?: unknown };
  if (typeof $int === 'string') return INT.test($int) && isSqlValue(BigInt($int));
  if (typeof $real === 'string') return Object.hasOwn(REALS, $real);
  return typeof $blob === 'string' && BASE64.test($blob);
}

function fromWire(wire: WireValue): SqlValue {
  if (typeof wire !== 'object' || wire === null) return wire;
  if ('$int' in wire) return narrow(BigInt(wire.$int));
  if ('$real' in wire) return REALS[wire.$real] as number;
  return new Uint8Array(base64pad.baseDecode(wire.$blob));
}

function toWire(value: SqlValue): WireValue {
  if (typeof value === 'bigint') {
    const narrowed = narrow(value);
    return typeof narrowed === 'number' ? narrowed : { $int: narrowed.toString() };
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $real: String(value) };
  return value instanceof Uint8Array ? { $blob: base64pad.baseEncode(value) } : value;
}

function narrow(value: bigint): number | bigint {
  const small = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return small ? Number(value) : value;
}

const isRows =
  (isCell: (cell: unknown) => boolean) =>
  (rows: unknown): boolean =>
    Array.isArray(rows) && rows.every((row) => Array.isArray(row) && row.every(isCell));

/** One array per row, in the order of the columns. */
export const SqlRows = z.codec(
  z.custom<WireValue[][]>(isRows(isWireValue)),
  z.custom<SqlValue[][]>(isRows(isSqlValue)),
  {
    decode: (rows) => rows.map((row) => row.map(fromWire)),
    encode: (rows) => rows.map((row) => row.map(toWire)),
  },
);

/** By position for `?` and `?NNN`, or by name for `:a`, `@a` and `$a`. */
export type SqlParams = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;

const NAME = /^[A-Za-z_]\w{0,63}$/;
const isParams =
  (isCell: (cell: unknown) => boolean) =>
  (params: unknown): boolean => {
    if (Array.isArray(params)) return params.every(isCell);
    if (typeof params !== 'object' || params === null || params instanceof Uint8Array) return false;
    return Object.entries(params).every(([name, cell]) => NAME.test(name) && isCell(cell));
  };

const PARAMS_ERROR =
  'must be an array of values, or an object of values by name; a value is null, a number, {"$int": "…"} within 64 bits, well-formed text or {"$blob": "base64"}';

export const SqlParams = z.codec(
  z.custom<WireValue[] | Record<string, WireValue>>(isParams(isWireValue), { error: PARAMS_ERROR }),
  z.custom<SqlParams>(isParams(isSqlValue), { error: PARAMS_ERROR }),
  {
    decode: (params): SqlParams =>
      Array.isArray(params)
        ? params.map(fromWire)
        : Object.fromEntries(Object.entries(params).map(([name, wire]) => [name, fromWire(wire)])),
    encode: (params) =>
      Array.isArray(params)
        ? params.map(toWire)
        : Object.fromEntries(
            Object.entries(params).map(([name, value]) => [name, toWire(value as SqlValue)]),
          ),
  },
);

/** The same between nodes, whose bodies carry bigint and bytes as they are. */
export const sqlRowsSchema = z.custom<SqlValue[][]>(isRows(isSqlValue), {
  error: 'must be rows of SQL values',
});
export const sqlParamsSchema = z.custom<SqlParams>(isParams(isSqlValue), { error: PARAMS_ERROR });

/** Of `lastInsertId`. */
export const SqlRowId = z.codec(z.custom<WireValue>(isWireValue), z.custom<number | bigint>(isInteger), {
  decode: (wire) => fromWire(wire) as number | bigint,
  encode: toWire,
});

function isInteger(value: unknown): boolean {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}
