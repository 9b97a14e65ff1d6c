/** The contract of SQL: databases of an app, on one node (`sqlite`) or on voters that survive each other (`rqlite`). */
import { z } from 'zod';
import { bytes, bytesBody, defineRoutes, header, json, jsonBody } from './contract/route.ts';
import { defineStreams } from './contract/stream.ts';
import type { ErrorCode } from './errors/errors.ts';
import { IdempotencyKey } from './kv.ts';
import {
  SqlConsistency,
  SqlDatabase,
  SqlDatabaseName,
  SqlEngine,
  SqlSchema,
  SqlStatus,
} from './sql-database.ts';
import { SqlMigration, SqlResult, SqlRowSet, SqlStatement, SqlStatementText } from './sql-statement.ts';
import { SqlParams, SqlRows } from './sql-values.ts';

export const MAX_SQL_STATEMENTS = 10_000;
export const MAX_SQL_BODY_BYTES = 16 * 1_048_576;
/** Of a backup, either way. */
export const MAX_SQL_BACKUP_BYTES = 128 * 1_048_576;

const database = { database: SqlDatabaseName };
const transaction = {
  ...database,
  transaction: z.string().regex(/^[0-9a-f]{32}$/, { error: 'must be the transaction as begin gave it' }),
};
const invalid = { database: 'SQL_DATABASE_INVALID' } as const;
const write = { idempotencyKey: header('idempotency-key', IdempotencyKey.optional()) };

const REACHING = [
  'SQL_DATABASE_INVALID',
  'SQL_DATABASE_NOT_FOUND',
  'SQL_HOLDER_UNREACHABLE',
  'SQL_NO_LEADER',
  'SQL_ENGINE_FAILED',
  'SQL_ENGINE_MISSING',
  'SQL_CORRUPT',
  'SQL_PLACEMENT_STALE',
  'SQL_MOVING',
  'RECORDS_QUORUM_LOST',
  'STATE_UNCONFIGURED',
] as const satisfies readonly ErrorCode[];
const READING = [
  ...REACHING,
  'SQL_SYNTAX',
  'SQL_REFUSED',
  'SQL_PARAMS_INVALID',
  'SQL_TOO_LARGE',
  'SQL_TIMEOUT',
  'SQL_READ_ONLY',
  'SQL_UNSUPPORTED',
] as const satisfies readonly ErrorCode[];
const WRITING = [
  ...READING,
  'SQL_CONSTRAINT',
  'SQL_BUSY',
  'IDEMPOTENCY_KEY_REUSED',
  'STORE_FULL',
] as const satisfies readonly ErrorCode[];

export const sqlRoutes = defineRoutes({
  create: {
    summary: 'Makes a database, unless one of that name is there: then nothing changes.',
    method: 'PUT',
    path: '/v1/sql/{database}',
    grant: 'sql:admin',
    subject: 'database',
    params: database,
    body: jsonBody(
      z.strictObject({
        /** Default: sqlite. */
        engine: SqlEngine.optional(),
        /** Of rqlite: 3 or 5; default 3. Of sqlite: 1. */
        voters: z
          .union([z.literal(1), z.literal(3), z.literal(5)], { error: 'must be 1, 3 or 5' })
          .optional(),
      }),
      4_096,
    ),
    output: json(SqlDatabase.extend({ created: z.boolean() })),
    errors: ['QUOTA_DATABASES', ...REACHING, 'SQL_NOT_ENOUGH_NODES', 'SQL_LIMIT', 'SQL_UNSUPPORTED'],
    invalid,
    repeatable: true,
  },
  drop: {
    summary: 'Deletes a database and everything in it; its name must be given twice.',
    method: 'DELETE',
    path: '/v1/sql/{database}',
    grant: 'sql:admin',
    subject: 'database',
    params: database,
    query: { confirm: z.string().optional() },
    output: json(z.object({ existed: z.boolean() })),
    errors: ['SQL_DATABASE_INVALID', 'SQL_CONFIRM_NAME', 'RECORDS_QUORUM_LOST', 'STATE_UNCONFIGURED'],
    invalid,
    repeatable: true,
  },
  list: {
    summary: 'The databases of the app.',
    method: 'GET',
    path: '/v1/sql',
    grant: 'sql:read',
    output: json(z.object({ databases: z.array(SqlDatabase) })),
    errors: ['RECORDS_QUORUM_LOST', 'STATE_UNCONFIGURED'],
  },
  query: {
    summary: 'Runs one statement that reads, and answers its rows.',
    method: 'POST',
    path: '/v1/sql/{database}/query',
    grant: 'sql:read',
    subject: 'database',
    params: database,
    body: jsonBody(
      z.strictObject({ ...SqlStatement.shape, consistency: SqlConsistency.optional() }),
      MAX_SQL_BODY_BYTES,
    ),
    output: json(SqlRowSet),
    errors: READING,
    invalid,
    repeatable: true,
  },
  execute: {
    summary: 'Runs one statement that may change the database; answered when it is durable.',
    method: 'POST',
    path: '/v1/sql/{database}/execute',
    grant: 'sql:write',
    subject: 'database',
    params: database,
    headers: write,
    body: jsonBody(SqlStatement, MAX_SQL_BODY_BYTES),
    output: json(SqlResult),
    errors: WRITING,
    invalid,
  },
  transaction: {
    summary: 'Runs all statements as one transaction, or none of them.',
    method: 'POST',
    path: '/v1/sql/{database}/transaction',
    grant: 'sql:write',
    subject: 'database',
    params: database,
    headers: write,
    body: jsonBody(
      z.strictObject({ statements: z.array(SqlStatement).min(1).max(MAX_SQL_STATEMENTS) }),
      MAX_SQL_BODY_BYTES,
    ),
    output: json(z.object({ results: z.array(SqlResult) })),
    errors: WRITING,
    invalid,
  },
  schema: {
    summary: 'The tables and views of a database, with their columns and indexes.',
    method: 'GET',
    path: '/v1/sql/{database}/schema',
    grant: 'sql:read',
    subject: 'database',
    params: database,
    output: json(SqlSchema),
    errors: READING,
    invalid,
  },
  status: {
    summary: 'Who holds a database, and how each of them is.',
    method: 'GET',
    path: '/v1/sql/{database}/status',
    grant: 'sql:read',
    subject: 'database',
    params: database,
    output: json(SqlStatus),
    errors: ['SQL_DATABASE_INVALID', 'SQL_DATABASE_NOT_FOUND', 'RECORDS_QUORUM_LOST', 'STATE_UNCONFIGURED'],
    invalid,
  },
  adjust: {
    summary: 'Changes how many voters and readers a database has, and its backups; what is not named stays.',
    method: 'PUT',
    path: '/v1/sql/{database}/settings',
    grant: 'sql:admin',
    subject: 'database',
    params: database,
    body: jsonBody(
      z.strictObject({
        voters: z.union([z.literal(3), z.literal(5)], { error: 'must be 3 or 5' }).optional(),
        readers: z.int().min(0).max(8).optional(),
        /** Null: none. */
        backup: z
          .strictObject({
            everyMs: z
              .int()
              .min(1_000)
              .max(31 * 86_400_000),
            keep: z.int().min(1).max(1_000),
          })
          .nullable()
          .optional(),
      }),
      4_096,
    ),
    output: json(SqlDatabase),
    errors: [...REACHING, 'SQL_UNSUPPORTED'],
    invalid,
    repeatable: true,
  },
  move: {
    summary:
      'Copies everything into a database of the other engine, which then has the name. Writes meanwhile wait or are refused with SQL_MOVING; when it fails, all is as before.',
    method: 'PUT',
    path: '/v1/sql/{database}/engine',
    grant: 'sql:admin',
    subject: 'database',
    params: database,
    body: jsonBody(
      z.strictObject({
        engine: SqlEngine,
        /** Of rqlite: 3 or 5; default 3. */
        voters: z.union([z.literal(3), z.literal(5)], { error: 'must be 3 or 5' }).optional(),
      }),
      4_096,
    ),
    output: json(SqlDatabase.extend({ moved: z.boolean() })),
    errors: [
      ...REACHING,
      'SQL_NOT_ENOUGH_NODES',
      'SQL_LIMIT',
      'SQL_UNSUPPORTED',
      'SQL_REFUSED',
      'SQL_TOO_LARGE',
    ],
    invalid,
    repeatable: true,
  },
  recover: {
    summary: 'Where a majority of the voters is gone for good: goes on from the survivor that is furthest.',
    method: 'POST',
    path: '/v1/sql/{database}/recover',
    grant: 'sql:admin',
    subject: 'database',
    params: database,
    query: { confirm: z.string().optional() },
    output: json(z.object({ survivor: z.string(), index: z.int() })),
    errors: [...REACHING, 'SQL_RECOVER_RISK', 'SQL_UNSUPPORTED'],
    invalid,
  },
  migrate: {
    summary:
      'Applies those migrations that were not applied yet, in the order of their numbers, each as a whole.',
    method: 'POST',
    path: '/v1/sql/{database}/migrate',
    grant: 'sql:write',
    subject: 'database',
    params: database,
    body: jsonBody(
      z.strictObject({ migrations: z.array(SqlMigration).min(1).max(10_000) }),
      MAX_SQL_BODY_BYTES,
    ),
    output: json(
      z.object({
        /** Numbers that were applied now. */
        applied: z.array(z.int()),
        /** The greatest number that is applied. */
        version: z.int(),
      }),
    ),
    errors: [...WRITING, 'SQL_MIGRATION'],
    invalid,
    repeatable: true,
  },
  backup: {
    summary: 'Everything in the database as of one moment, as a SQLite file.',
    method: 'GET',
    path: '/v1/sql/{database}/backup',
    grant: 'sql:admin',
    subject: 'database',
    params: database,
    output: bytes('application/vnd.sqlite3'),
    errors: [...REACHING, 'SQL_TOO_LARGE'],
    invalid,
  },
  restore: {
    summary: 'Puts a SQLite file in the place of everything in the database; its name must be given twice.',
    method: 'POST',
    path: '/v1/sql/{database}/restore',
    grant: 'sql:admin',
    subject: 'database',
    params: database,
    query: { confirm: z.string().optional() },
    body: bytesBody(MAX_SQL_BACKUP_BYTES, { contentType: 'application/vnd.sqlite3' }),
    output: json(z.object({ bytes: z.int() })),
    errors: [...REACHING, 'SQL_CONFIRM_NAME', 'SQL_REFUSED', 'SQL_UNSUPPORTED'],
    invalid,
    repeatable: true,
  },
  begin: {
    summary:
      'Begins a transaction that takes several calls, serializable. Engine sqlite: nobody else writes while it is open, 10 s at most; rqlite: what it read is compared at its commit, 30 s at most.',
    method: 'POST',
    path: '/v1/sql/{database}/transactions',
    grant: 'sql:write',
    subject: 'database',
    params: database,
    output: json(z.object({ transaction: z.string(), expiresInMs: z.int() })),
    errors: [...REACHING, 'SQL_BUSY', 'OVERLOADED'],
    invalid,
  },
  step: {
    summary:
      'Runs a statement within a transaction. Engine sqlite: it sees what was done in it before; rqlite: writes are done at the commit, and reading what they change is refused.',
    method: 'POST',
    path: '/v1/sql/{database}/transactions/{transaction}',
    grant: 'sql:write',
    subject: 'database',
    params: transaction,
    body: jsonBody(SqlStatement, MAX_SQL_BODY_BYTES),
    output: json(SqlResult),
    errors: [...WRITING, 'SQL_TRANSACTION_ENDED'],
    invalid,
  },
  commit: {
    summary: 'Keeps what was done in a transaction; answered when it is durable.',
    method: 'POST',
    path: '/v1/sql/{database}/transactions/{transaction}/commit',
    grant: 'sql:write',
    subject: 'database',
    params: transaction,
    output: json(
      z.object({
        committed: z.literal(true),
        /** Of the statements that were deferred, in their order; absent where there were none or it is not known any more. */
        results: z.array(SqlResult).optional(),
      }),
    ),
    errors: [...WRITING, 'SQL_TRANSACTION_ENDED', 'SQL_CONFLICT'],
    invalid,
  },
  rollback: {
    summary: 'Undoes what was done in a transaction; one that has ended is left as it is.',
    method: 'DELETE',
    path: '/v1/sql/{database}/transactions/{transaction}',
    grant: 'sql:write',
    subject: 'database',
    params: transaction,
    output: json(z.object({ committed: z.literal(false) })),
    errors: REACHING,
    invalid,
    repeatable: true,
  },
});

const column = z.string().min(1).max(200);

/**
 * A live query. `open` has its rows; `rows` has them again where the columns became others. `change`: rows that are new or
 * other than before, and those that are gone, as they were. The index names the state of the database.
 */
export const sqlStreams = defineStreams({
  sql: {
    summary: 'The rows of a query, and how they change.',
    grant: 'sql:read',
    subject: 'database',
    input: {
      database: SqlDatabaseName,
      sql: SqlStatementText,
      params: SqlParams.optional(),
      /** Columns whose values name a row; default: all, so that a row that changes goes and comes. */
      key: z.array(column).min(1).max(100).optional(),
    },
    opened: z.object({ index: z.int(), columns: z.array(z.string()), rows: SqlRows }),
    events: {
      rows: z.object({ index: z.int(), columns: z.array(z.string()), rows: SqlRows }),
      change: z.object({ index: z.int(), upserts: SqlRows, removes: SqlRows }),
    },
    errors: READING,
  },
});
