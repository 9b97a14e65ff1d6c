import { P2posError, type SqlRowSet, SqlRows, type SqlValue } from '@p2pos/protocol';
import type { SqlDatabaseClient } from '@p2pos/sdk';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';
import type { Terminal } from '../terminal.ts';
import { formatCsv } from './csv.ts';

const PAGE = 2_000;
const utf8 = new TextEncoder();

export const exportDatabase: Action = async (invocation, [name = '', table], flags) => {
  const { terminal } = invocation;
  const format = flags['format'] as 'csv' | 'json' | 'sql';
  if (table === undefined && format !== 'sql')
    throw usage('Name a table, or choose --format sql for everything.', `p2pctl sql export ${name} TABLE`);
  await withNode(invocation, async ({ client }) => {
    const db = client.sql(name);
    const { tables } = await db.schema();
    const chosen = tables.filter((one) => table === undefined || one.name === table);
    if (chosen.length === 0)
      throw new P2posError('SQL_SYNTAX', { database: name, reason: `no such table: ${table}` });
    for (const one of chosen) {
      if (format === 'sql') await write(terminal, `${one.sql ?? ''};`);
      if (one.kind === 'table' || table !== undefined) await exportTable(terminal, db, one.name, format);
      if (format === 'sql')
        for (const { sql } of one.indexes) if (sql !== null) await write(terminal, `${sql};`);
    }
  });
  return undefined;
};

async function exportTable(
  terminal: Terminal,
  db: SqlDatabaseClient,
  table: string,
  format: string,
): Promise<void> {
  let first = true;
  for await (const { columns, rows } of pages(db, table)) {
    if (first && format === 'csv') await write(terminal, formatCsv(columns));
    first = false;
    const names = columns.map(quoted).join(', ');
    for (const row of rows) {
      if (format === 'csv') await write(terminal, formatCsv(row.map(plain)));
      else if (format === 'sql')
        await write(
          terminal,
          `INSERT INTO ${quoted(table)} (${names}) VALUES (${row.map(literal).join(', ')});`,
        );
      else {
        const [wire = []] = SqlRows.encode([row]);
        await write(
          terminal,
          JSON.stringify(Object.fromEntries(columns.map((column, at) => [column, wire[at]]))),
        );
      }
    }
  }
}

/** In the order of row ids, so that what is written meanwhile shifts nothing. */
async function* pages(db: SqlDatabaseClient, table: string): AsyncGenerator<SqlRowSet> {
  let after: SqlValue = -(2n ** 63n);
  for (;;) {
    const sql = `SELECT rowid, * FROM ${quoted(table)} WHERE rowid > ? ORDER BY rowid LIMIT ${PAGE}`;
    const page: SqlRowSet = await db.rows(sql, [after]).catch(async (error) => {
      if (!/no such column: rowid/.test(String(error.message))) throw error;
      return db.rows(`SELECT NULL, * FROM ${quoted(table)}`);
    });
    yield { columns: page.columns.slice(1), rows: page.rows.map((row) => row.slice(1)) };
    after = page.rows.at(-1)?.[0] ?? null;
    if (page.rows.length < PAGE || after === null) return;
  }
}

function write(terminal: Terminal, line: string): Promise<void> {
  return terminal.write(utf8.encode(`${line}\n`));
}

function plain(value: SqlValue): string {
  if (value === null) return '';
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value);
}

function literal(value: SqlValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex')}'`;
  return Number.isFinite(Number(value)) ? String(value) : Number(value) > 0 ? '9e999' : '-9e999';
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
