/** rqlite's JSON (https://rqlite.io/docs/api) as results, and what it complains of as codes of ours. */
import { P2posError, type SqlValue } from '@p2pos/protocol';
import type { RowSet } from '../engine.ts';
import { isFence } from '../fence.ts';
import type { DoorAnswer } from './door.ts';

/** Of one statement. */
export interface RawResult {
  readonly error?: string;
  readonly last_insert_id?: number | bigint;
  readonly rows_affected?: number;
  readonly columns?: readonly string[];
  readonly types?: readonly string[];
  readonly values?: readonly (readonly unknown[])[];
}

/** A whole number that may not be one of JavaScript's. */
const LONG_NUMBER = /[-:[,]\d{16,}/;

/** @throws P2posError SQL_NO_LEADER, SQL_TIMEOUT, SQL_UNSUPPORTED, SQL_ENGINE_FAILED */
export function resultsOf({ status, body }: DoorAnswer, name: string): RawResult[] {
  const text = body.toString('utf8');
  if (status !== 200) throw refusal(text.trim() || `status ${status}`, name);
  let parsed: { results?: RawResult[]; error?: string };
  try {
    parsed = LONG_NUMBER.test(text) ? JSON.parse(text, wide) : JSON.parse(text);
  } catch {
    throw refusal(text.trim().slice(0, 200), name);
  }
  if (parsed.error !== undefined) throw refusal(parsed.error, name);
  return parsed.results ?? [];
}

function wide(this: unknown, _key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? '';
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}

/** Of the engine as a whole. */
function refusal(reason: string, database: string): P2posError {
  if (/leader not found|not leader|leadership|no leader|store is not open|not open/i.test(reason))
    return new P2posError('SQL_NO_LEADER', { database });
  if (/unsupported value: [+-]?Inf/.test(reason))
    return new P2posError('SQL_UNSUPPORTED', { reason: 'rqlite cannot tell of infinite numbers' });
  if (isFence(reason)) return new P2posError('SQL_MOVING', { database });
  // Noticed at commit, and told as a failure of the whole.
  if (/constraint failed/i.test(reason)) return new P2posError('SQL_CONSTRAINT', { database, reason });
  return new P2posError('SQL_ENGINE_FAILED', { database, reason });
}

/** Of one statement. */
export function statementError(reason: string, database: string, timeoutMs: number): P2posError {
  if (isFence(reason)) return new P2posError('SQL_MOVING', { database });
  if (/timeout|interrupted/i.test(reason)) return new P2posError('SQL_TIMEOUT', { timeoutMs });
  if (/leader|leadership/i.test(reason)) return new P2posError('SQL_NO_LEADER', { database });
  if (/constraint failed|datatype mismatch|cannot store/i.test(reason))
    return new P2posError('SQL_CONSTRAINT', { database, reason });
  if (/attempt to change database|readonly database/i.test(reason)) return new P2posError('SQL_READ_ONLY');
  if (/too big|out of memory/i.test(reason))
    return new P2posError('SQL_TOO_LARGE', { what: 'text, blob or work memory', limit: 'allowed' });
  if (/not authorized/i.test(reason)) return new P2posError('SQL_REFUSED', { reason });
  if (/malformed|not a database/i.test(reason)) return new P2posError('SQL_CORRUPT', { database, reason });
  if (/disk is full/i.test(reason)) return new P2posError('STORE_FULL', { database, reason });
  return new P2posError('SQL_SYNTAX', { database, reason });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNLIKELY = /[\0-\x08\x0e-\x1f\x7f\ufffd]/;

/** Rows of RETURNING, which cannot be asked for again; `base64`: blobs of columns that are declared so. */
export function rowsReturned({ columns = [], types = [], values = [] }: RawResult, base64: boolean): RowSet {
  const told = (value: unknown, type = '') =>
    base64 && type === 'blob' && typeof value === 'string'
      ? new Uint8Array(Buffer.from(value, 'base64'))
      : sqlValueOf(value, type);
  return { columns: [...columns], rows: values.map((row) => row.map((value, at) => told(value, types[at]))) };
}

export function rowsOf({ columns = [], types = [], values = [] }: RawResult): RowSet {
  return {
    columns: [...columns],
    rows: values.map((row) => row.map((value, at) => sqlValueOf(value, types[at] ?? ''))),
  };
}

/** A blob is an array of bytes; where the version has no such thing `mayHideBlobs` is true and the types are asked for. */
function sqlValueOf(value: unknown, type: string): SqlValue {
  if (Array.isArray(value)) return Uint8Array.from(value as number[]);
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'bigint' && type === 'real') return Number(value);
  return value as SqlValue;
}

/**
 * Where a column has no declared type, rqlite tells blobs as text, and what is no UTF-8 in them is lost: what hardly is text may be one. Where it is
 * declared so, versions without arrays of bytes tell base64, which text in it may look like.
 */
export function mayHideBlobs({ values = [], types = [] }: RawResult, blobArrays: boolean): boolean {
  return values.some((row) =>
    row.some(
      (value, at) =>
        typeof value === 'string' && (UNLIKELY.test(value) || (!blobArrays && types[at] === 'blob')),
    ),
  );
}

/** The same rows, each value behind its type and blobs in hex. */
export function withTypes(sql: string, columns: number): string {
  const names = Array.from({ length: columns }, (_, at) => `c${at}`);
  const told = names.map((name) => `typeof(${name}), iif(typeof(${name}) = 'blob', hex(${name}), ${name})`);
  return `WITH told(${names.join(', ')}) AS (${sql}) SELECT ${told.join(', ')} FROM told`;
}

export function rowsWithTypes(columns: readonly string[], { values = [] }: RawResult): RowSet {
  const rows = values.map((row) =>
    columns.map((_, at) => {
      const [type, value] = [row[2 * at], row[2 * at + 1]];
      if (type === 'blob') return new Uint8Array(Buffer.from(String(value), 'hex'));
      return sqlValueOf(value, String(type));
    }),
  );
  return { columns: [...columns], rows };
}
