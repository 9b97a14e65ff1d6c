/** What is asked of a database, and what it answers. */
import { z } from 'zod';
import { SqlParams, SqlRowId, SqlRows } from './sql-values.ts';

/** UTF-16 code units of one statement. */
export const MAX_SQL_LENGTH = 1_048_576;

/** One statement. */
export const SqlStatementText = z
  .string()
  .min(1, { error: 'it is empty' })
  .max(MAX_SQL_LENGTH, { error: `it is longer than ${MAX_SQL_LENGTH} characters` });

export const SqlStatement = z.strictObject({ sql: SqlStatementText, params: SqlParams.optional() });
export type SqlStatement = z.output<typeof SqlStatement>;

export const SqlRowSet = z.object({ columns: z.array(z.string()), rows: SqlRows });
export type SqlRowSet = z.output<typeof SqlRowSet>;

export const SqlResult = z.object({
  /** Rows that the statement itself inserted, changed or deleted. */
  changes: z.int(),
  /** Row id of the last insert; null: it inserted none. */
  lastInsertId: SqlRowId.nullable(),
  /** What RETURNING, or a SELECT within a transaction, gave. */
  returned: SqlRowSet.optional(),
  /** Within a transaction of engine rqlite: it is done at the commit, whose answer tells what it did. */
  deferred: z.literal(true).optional(),
});
export type SqlResult = z.output<typeof SqlResult>;

export const SqlMigration = z.strictObject({
  /** From 1, without gaps. */
  number: z.int().min(1).max(1_000_000),
  name: z.string().min(1).max(200),
  /** One or more statements. */
  sql: SqlStatementText,
});
export type SqlMigration = z.output<typeof SqlMigration>;
