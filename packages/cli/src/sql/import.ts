import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { SqlValue } from '@p2pos/protocol';
import type { SqlDatabaseClient } from '@p2pos/sdk';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';
import { parseCsv } from './csv.ts';

const MAX_BYTES = 512 * 1_048_576;
/** Of one transaction. */
const MAX_ROWS = 1_000;
const MAX_VALUES = 10_000;
const TYPES = new Set(['INTEGER', 'REAL', 'TEXT', 'NUMERIC', 'BLOB']);
const NEXT = 'p2pctl sql import NAME TABLE FILE.csv';

export const importTable: Action = async (invocation, [name = '', table = '', file = ''], flags) => {
  const { terminal, options, folder } = invocation;
  const text =
    file === '-'
      ? new TextDecoder().decode(await terminal.read(MAX_BYTES))
      : await readText(resolve(folder, file));
  const [columns, ...rows] = parse(text);
  if (!columns) throw usage(`${file} is empty; its first line names the columns.`, NEXT);
  const odd = rows.findIndex((row) => row.length !== columns.length);
  if (odd >= 0)
    throw usage(
      `Row ${odd + 2} of ${file} has ${rows[odd]?.length} fields, and ${columns.length} columns are named.`,
      NEXT,
    );
  const types = typesOf(flags['types'] as string | undefined, columns, rows);
  await withNode(invocation, async ({ client }) => {
    const db = client.sql(name);
    const fields = columns.map((column, at) => `${quoted(column)} ${types[at]}`);
    await db.execute(`CREATE TABLE IF NOT EXISTS ${quoted(table)} (${fields.join(', ')})`);
    await insert(db, { table, columns, rows, types }, (done) =>
      terminal.progress(`${done} of ${rows.length} rows`),
    );
  });
  terminal.progress('');
  if (options.json) terminal.print(JSON.stringify({ table, rows: rows.length, columns, types }));
  else terminal.print(`imported ${rows.length} row(s) into ${table}`);
  return undefined;
};

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error) => {
    throw usage(`${path} cannot be read: ${error.message}.`, NEXT);
  });
}

function parse(text: string): string[][] {
  try {
    return parseCsv(text);
  } catch (error) {
    throw usage(`The file is no CSV: ${(error as Error).message}.`, NEXT);
  }
}

interface Filling {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly types: readonly string[];
}

async function insert(
  db: SqlDatabaseClient,
  { table, columns, rows, types }: Filling,
  onDone: (done: number) => void,
) {
  const count = Math.max(1, Math.min(MAX_ROWS, Math.floor(MAX_VALUES / columns.length)));
  const head = `INSERT INTO ${quoted(table)} (${columns.map(quoted).join(', ')}) VALUES `;
  const marks = `(${columns.map(() => '?').join(', ')})`;
  for (let from = 0; from < rows.length; from += count) {
    const part = rows.slice(from, from + count);
    const params = part.flatMap((row) => row.map((text, at) => cellValue(text, types[at] ?? 'TEXT')));
    await db.execute(`${head}${part.map(() => marks).join(', ')}`, params);
    onDone(from + part.length);
  }
}

const INTEGER = /^-?(?:0|[1-9]\d{0,17})$/;
const REAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function typesOf(
  given: string | undefined,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  if (given === undefined) {
    return columns.map((_, at) => {
      const values = rows.map((row) => row[at] ?? '').filter((value) => value !== '');
      if (values.length === 0) return 'TEXT';
      if (values.every((value) => INTEGER.test(value))) return 'INTEGER';
      return values.every((value) => REAL.test(value) && !/^-?0\d/.test(value)) ? 'REAL' : 'TEXT';
    });
  }
  const types = given.split(',').map((type) => type.trim().toUpperCase());
  if (types.length === columns.length && types.every((type) => TYPES.has(type))) return types;
  throw usage(`--types names ${columns.length} of ${[...TYPES].join(', ')}, with commas.`, NEXT);
}

/** An empty field of a number is NULL; of text it is empty text. */
function cellValue(text: string, type: string): SqlValue {
  if (type === 'TEXT') return text;
  if (text === '') return null;
  if (type === 'INTEGER' && INTEGER.test(text)) return BigInt(text);
  return REAL.test(text) && type !== 'BLOB' ? Number(text) : text;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
