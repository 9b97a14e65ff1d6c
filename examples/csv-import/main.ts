/**
 * A CSV file into a table, as often as you like: each part of the file has an idempotency key that follows from its
 * content, so an import that broke off, or is started twice, adds no row twice.
 *
 *   node main.ts FILE.csv DATABASE TABLE
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { connect, P2posError, type SqlText } from '@p2pos/sdk';

const ROWS_AT_ONCE = 500;
const client = connect({
  url: (process.env['P2POS_URL'] ?? 'http://127.0.0.1:4180').split(','),
  token: process.env['P2POS_TOKEN'],
});

/** Records of a CSV file (RFC 4180): quoted fields may hold commas, line breaks and doubled quotes. */
async function* records(chunks: AsyncIterable<string>): AsyncGenerator<string[]> {
  let row: string[] = [];
  let field = '';
  let quoted = false;
  let afterQuote = false;
  for await (const chunk of chunks) {
    for (const char of chunk) {
      if (afterQuote) {
        afterQuote = false;
        quoted = char === '"';
        if (quoted) {
          field += char;
          continue;
        }
      }
      if (quoted) {
        if (char === '"') afterQuote = true;
        else field += char;
      } else if (char === '"') quoted = true;
      else if (char === ',' || char === '\n') {
        row.push(field);
        field = '';
        if (char === '\n') {
          yield row;
          row = [];
        }
      } else if (char !== '\r') field += char;
    }
  }
  if (quoted && !afterQuote) throw new SyntaxError('the file ends inside a quoted field');
  if (field !== '' || row.length > 0) yield [...row, field];
}

/** Identifiers cannot be parameters. */
const name = (text: string) => `"${text.replaceAll('"', '""')}"`;

async function main(file: string, database: string, table: string): Promise<void> {
  await client.sql.create(database);
  const db = client.sql(database);
  let columns: string[] | undefined;
  let part: SqlText[] = [];
  let rows = 0;
  const hash = createHash('sha256').update(table);

  const flush = async () => {
    // The hash of all rows so far: the same part of the same file has the same key.
    const idempotencyKey = `csv-${hash.copy().digest('hex')}`;
    if (part.length > 0) await db.transaction(part, { idempotencyKey });
    rows += part.length;
    part = [];
  };
  for await (const record of records(createReadStream(file, 'utf8'))) {
    hash.update(JSON.stringify(record));
    if (!columns) {
      columns = record;
      await db.execute(`CREATE TABLE IF NOT EXISTS ${name(table)} (${columns.map(name).join(', ')})`);
      continue;
    }
    if (record.length !== columns.length)
      throw new SyntaxError(
        `row ${rows + part.length + 1} has ${record.length} fields, not ${columns.length}`,
      );
    const marks = columns.map(() => '?').join(', ');
    part.push({ sql: `INSERT INTO ${name(table)} VALUES (${marks})`, params: record });
    if (part.length === ROWS_AT_ONCE) await flush();
  }
  await flush();
  const [count] = await db.query(`SELECT count(*) AS n FROM ${name(table)}`);
  console.log(`read ${rows} rows; ${table} has ${count?.['n']}`);
}

const [file, database = 'imports', table = 'rows'] = process.argv.slice(2);
try {
  if (!file) throw new TypeError('usage: node main.ts FILE.csv [DATABASE] [TABLE]');
  await main(file, database, table);
} catch (error) {
  console.error(error instanceof P2posError ? `${error.code}: ${error.message}` : String(error));
  process.exitCode = 1;
}
await client.close();
