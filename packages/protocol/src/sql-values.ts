/** Checks of SQL values as they travel in JSON, and of rows of them; `sql-wire.ts` holds what turns one into the other. */
import { z } from 'zod';
import { CODECS, type Codec } from './contract/codecs.ts';
import {
  type SqlParams as Params,
  SQL_REALS,
  type SqlValue,
  type SqlWireParams,
  type SqlWireValue,
} from './sql-wire.ts';

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const INT = /^-?(?:0|[1-9]\d{0,18})$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function isSqlValue(value: unknown): value is SqlValue {
  if (value === null) return true;
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return !Number.isNaN(value);
  if (typeof value === 'bigint') return value >= INT64_MIN && value <= INT64_MAX;
  return value instanceof Uint8Array;
}

function isWireValue(wire: unknown): wire is SqlWireValue {
  if (wire === null || typeof wire === 'number') return true;
  if (typeof wire === 'string') return wire.isWellFormed();
  if (typeof wire !== 'object') return false;
  const keys = Object.keys(wire);
  if (keys.length !== 1) return false;
  const { $int, $real, $blob } = wire as { $int?: unknown; $real?: unknown; $blob?: unknown };
  if (typeof $int === 'string') return INT.test($int) && isSqlValue(BigInt($int));
  if (typeof $real === 'string') return Object.hasOwn(SQL_REALS, $real);
  return typeof $blob === 'string' && BASE64.test($blob);
}

const isRows =
  (isCell: (cell: unknown) => boolean) =>
  (rows: unknown): boolean =>
    Array.isArray(rows) && rows.every((row) => Array.isArray(row) && row.every(isCell));

/** One array per row, in the order of the columns. */
export const SqlRows = z.codec(
  z.custom<SqlWireValue[][]>(isRows(isWireValue)),
  z.custom<SqlValue[][]>(isRows(isSqlValue)),
  CODECS.rows,
);

export type SqlParams = Params;

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
  z.custom<SqlWireParams>(isParams(isWireValue), { error: PARAMS_ERROR }),
  z.custom<SqlParams>(isParams(isSqlValue), { error: PARAMS_ERROR }),
  CODECS.params,
);

/** The same between nodes, whose bodies carry bigint and bytes as they are. */
export const sqlRowsSchema = z.custom<SqlValue[][]>(isRows(isSqlValue), {
  error: 'must be rows of SQL values',
});
export const sqlParamsSchema = z.custom<SqlParams>(isParams(isSqlValue), { error: PARAMS_ERROR });

/** Of `lastInsertId`. */
export const SqlRowId = z.codec(
  z.custom<SqlWireValue>(isWireValue),
  z.custom<number | bigint>(isInteger),
  CODECS.rowId as Codec<SqlWireValue, number | bigint>,
);

function isInteger(value: unknown): boolean {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}
