/**
 * What a read found, as one text that says every value exactly: compared again within the commit of a transaction, and
 * read back into rows, so that the client saw what is compared.
 */
import type { SqlParams, SqlValue } from '@p2pos/protocol';
import type { RowSet, Statement } from '../engine.ts';
import { statementJson } from './literals.ts';
import type { Capabilities } from './program.ts';

/** Longer than the name of any parameter of a client. */
const EXPECTED = `_p2pos_${'x'.repeat(64)}`;

/** Materialized, so that the statement within runs as it would by itself, in its own order. */
function digestOf(sql: string, columns: number): string {
  const names = Array.from({ length: columns }, (_, at) => `c${at}`);
  const told = names.map(
    (name) =>
      `substr(typeof(${name}), 1, 1) || iif(typeof(${name}) IN ('text', 'blob'), hex(${name}), quote(${name}))`,
  );
  return `WITH _p2pos_told(${names.join(', ')}) AS MATERIALIZED (${sql}\n) SELECT coalesce(group_concat(${told.join(" || ',' || ")}, ';'), '') FROM _p2pos_told`;
}

export function digestJson(
  { examined, params }: Statement,
  columns: number,
  capabilities: Capabilities,
): string {
  return statementJson(
    { examined: { ...examined, sql: digestOf(examined.sql, columns) }, params },
    capabilities,
  );
}

/** A statement that fails unless the read finds the same again: a key may not be null. */
export function checkJson(
  { examined, params }: Statement,
  columns: number,
  expected: string,
  capabilities: Capabilities,
): string {
  const isNamed = !Array.isArray(params) && examined.wanted.names.length > 0;
  const mark = isNamed ? `:${EXPECTED}` : `?${examined.wanted.count + 1}`;
  const sql = `INSERT INTO _p2pos_requests SELECT NULL, 0, '', 0, 0, NULL, 0 WHERE (${digestOf(examined.sql, columns)}) IS NOT ${mark}`;
  const all: SqlParams = isNamed
    ? { ...(params as Readonly<Record<string, SqlValue>>), [EXPECTED]: expected }
    : [...(Array.isArray(params) ? (params as readonly SqlValue[]) : []), expected];
  return statementJson({ examined: { ...examined, sql }, params: all }, capabilities);
}

export function rowsOfDigest(columns: readonly string[], digest: string): RowSet {
  const rows = digest === '' ? [] : digest.split(';').map((row) => row.split(',').map(cellOf));
  return { columns: [...columns], rows };
}

function cellOf(text: string): SqlValue {
  const body = text.slice(1);
  if (text[0] === 't') return Buffer.from(body, 'hex').toString('utf8');
  if (text[0] === 'b') return new Uint8Array(Buffer.from(body, 'hex'));
  if (text[0] === 'r') return Number(body);
  if (text[0] === 'n') return null;
  const whole = Number(body);
  return Number.isSafeInteger(whole) ? whole : BigInt(body);
}
