/** SQL: databases by name; statements as tagged templates, whose values travel as parameters. */
import type {
  SqlConsistency,
  SqlDatabase,
  SqlMigration,
  SqlParams,
  SqlResult,
  SqlRowSet,
  SqlSchema,
  SqlStatus,
  SqlValue,
} from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';
import type { Input, Output } from './contract/operation.ts';
import type { StreamOpen, StreamTold, Subscribe } from './socket/subscribe.ts';

export type SqlRow = Readonly<Record<string, SqlValue>>;

/** What a tagged template makes: text with a `?` for each value. */
export interface SqlText {
  readonly sql: string;
  readonly params: SqlParams;
}

export interface SqlQueryOptions extends CallOptions {
  /** Default `weak`. */
  readonly consistency?: SqlConsistency;
}
export interface SqlWriteOptions extends CallOptions {
  /** A repeat under the same key has no second effect. Default: one of its own for each call. */
  readonly idempotencyKey?: string;
}

/** Either a text with its parameters, or what `sql` made. */
export type SqlAsked = SqlText | string;

export interface SqlDatabaseClient {
  readonly name: string;
  /** Rows as objects by column. */
  query<R extends SqlRow = SqlRow>(
    asked: SqlAsked,
    params?: SqlParams,
    options?: SqlQueryOptions,
  ): Promise<R[]>;
  /** Rows as arrays, with the names of the columns. */
  rows(asked: SqlAsked, params?: SqlParams, options?: SqlQueryOptions): Promise<SqlRowSet>;
  execute(asked: SqlAsked, params?: SqlParams, options?: SqlWriteOptions): Promise<SqlResult>;
  /** All or nothing. */
  transaction(statements: readonly SqlAsked[], options?: SqlWriteOptions): Promise<SqlResult[]>;
  /**
   * The rows of a query, and how they change, until the signal aborts; over lost connections, after which `open` has all rows
   * again.
   *
   * @example
   * for await (const event of db.live(sql`SELECT * FROM orders`, { key: ['id'] })) event.type; // 'open', then 'change'
   */
  live(
    asked: SqlAsked,
    options?: {
      readonly params?: SqlParams;
      readonly key?: readonly string[];
      readonly signal?: AbortSignal;
    },
  ): AsyncIterable<SqlLiveEvent>;
  /**
   * Several calls as one transaction, serializable; undone when it is disposed of without a commit. Engine sqlite: others
   * wait, 10 s at most. rqlite: writes are done at the commit, which fails with SQL_CONFLICT where what was read has changed.
   */
  begin(options?: CallOptions): Promise<SqlTransaction>;
  schema(options?: CallOptions): Promise<SqlSchema>;
  status(options?: CallOptions): Promise<SqlStatus>;
  /** Applies those that were not applied yet, each as a whole. */
  migrate(migrations: readonly SqlMigration[], options?: CallOptions): Promise<Output<'sql.migrate'>>;
  /** How many voters and readers there shall be, and which backups it makes; what is not named stays. */
  adjust(settings: Settings, options?: CallOptions): Promise<SqlDatabase>;
  /** Everything into a database of the other engine, which then has the name. */
  move(wish: Input<'sql.move'>['body'], options?: CallOptions): Promise<Output<'sql.move'>>;
  /** A SQLite file of everything, as of one moment. */
  backup(options?: CallOptions): Promise<Uint8Array>;
  /** Puts such a file in the place of everything; `confirm` is the name of the database once more. */
  restore(file: Uint8Array, confirm: string, options?: CallOptions): Promise<void>;
  /** Where a majority of the voters is gone for good. Without its name again the error says what may be lost. */
  recover(confirm?: string, options?: CallOptions): Promise<Output<'sql.recover'>>;
}

export type SqlLiveEvent = StreamOpen<'sql'> | StreamTold<'sql'>;

export interface SqlTransaction extends AsyncDisposable {
  /** Sees what was done in it before; with rqlite it must not ask for what was changed in it. */
  query<R extends SqlRow = SqlRow>(asked: SqlAsked, params?: SqlParams, options?: CallOptions): Promise<R[]>;
  execute(asked: SqlAsked, params?: SqlParams, options?: CallOptions): Promise<SqlResult>;
  /** What the statements did that were deferred to the commit (engine rqlite). */
  commit(options?: CallOptions): Promise<SqlResult[]>;
  rollback(options?: CallOptions): Promise<void>;
}

type Settings = Input<'sql.adjust'>['body'];
type Creation = Input<'sql.create'>['body'];

export interface SqlClient {
  (name: string): SqlDatabaseClient;
  /** `created: false`: one of that name was there, and nothing changed. */
  create(name: string, wish?: Creation, options?: CallOptions): Promise<Output<'sql.create'>>;
  /** Everything in it is lost; `confirm` is its name once more. */
  drop(name: string, confirm: string, options?: CallOptions): Promise<{ readonly existed: boolean }>;
  list(options?: CallOptions): Promise<SqlDatabase[]>;
}

/** For a whole database to be copied. */
const MOVE_MS = 300_000;

/**
 * @example
 * await db.query(sql`SELECT * FROM orders WHERE what = ${what} AND id > ${id}`);
 */
export function sql(parts: TemplateStringsArray, ...values: SqlValue[]): SqlText {
  return { sql: parts.join('?'), params: values };
}

export function createSqlClient(call: Call, subscribe: Subscribe): SqlClient {
  const open = (name: string): SqlDatabaseClient => {
    const rows: SqlDatabaseClient['rows'] = async (asked, params, { consistency, ...options } = {}) => {
      const body = { ...textOf(asked, params), ...(consistency && { consistency }) };
      return call('sql.query', { database: name, body }, options);
    };
    return {
      name,
      rows,
      async query<R extends SqlRow>(asked: SqlAsked, params?: SqlParams, options?: SqlQueryOptions) {
        const result = await rows(asked, params, options);
        return result.rows.map((row) => objectOf(result.columns, row)) as R[];
      },
      execute: (asked, params, { idempotencyKey, ...options } = {}) =>
        call('sql.execute', { database: name, idempotencyKey, body: textOf(asked, params) }, options),
      async transaction(statements, { idempotencyKey, ...options } = {}) {
        const body = { statements: statements.map((asked) => textOf(asked)) };
        return (await call('sql.transaction', { database: name, idempotencyKey, body }, options)).results;
      },
      live(asked, { params, key, signal } = {}) {
        const input = { database: name, ...textOf(asked, params), ...(key && { key: [...key] }) };
        return subscribe('sql', input, { signal });
      },
      async begin(options) {
        const { transaction } = await call('sql.begin', { database: name }, options);
        const input = { database: name, transaction };
        let isOver = false;
        const execute: SqlTransaction['execute'] = (asked, params, more) =>
          call('sql.step', { ...input, body: textOf(asked, params) }, more);
        const rollback: SqlTransaction['rollback'] = async (more) => {
          isOver = true;
          await call('sql.rollback', input, more);
        };
        return {
          execute,
          rollback,
          async query<R extends SqlRow>(asked: SqlAsked, params?: SqlParams, more?: CallOptions) {
            const { returned = { columns: [], rows: [] } } = await execute(asked, params, more);
            return returned.rows.map((row) => objectOf(returned.columns, row)) as R[];
          },
          async commit(more) {
            isOver = true;
            return (await call('sql.commit', input, more)).results ?? [];
          },
          async [Symbol.asyncDispose]() {
            if (!isOver) await rollback().catch(() => {});
          },
        };
      },
      schema: (options) => call('sql.schema', { database: name }, options),
      status: (options) => call('sql.status', { database: name }, options),
      migrate: (migrations, options) =>
        call('sql.migrate', { database: name, body: { migrations: [...migrations] } }, options),
      adjust: (settings, options) => call('sql.adjust', { database: name, body: settings }, options),
      move: (wish, options) =>
        call('sql.move', { database: name, body: wish }, { timeoutMs: MOVE_MS, ...options }),
      backup: async (options) => (await call('sql.backup', { database: name }, options)).body,
      async restore(file, confirm, options) {
        await call('sql.restore', { database: name, confirm, body: file }, options);
      },
      recover: (confirm, options) => call('sql.recover', { database: name, confirm }, options),
    };
  };
  return Object.assign(open, {
    create: (name: string, wish: Creation = {}, options?: CallOptions) =>
      call('sql.create', { database: name, body: wish }, options),
    drop: (name: string, confirm: string, options?: CallOptions) =>
      call('sql.drop', { database: name, confirm }, options),
    list: async (options?: CallOptions) => (await call('sql.list', {}, options)).databases,
  });
}

function textOf(asked: SqlAsked, params?: SqlParams): { sql: string; params?: SqlParams } {
  if (typeof asked !== 'string') return { sql: asked.sql, params: params ?? asked.params };
  return { sql: asked, ...(params && { params }) };
}

function objectOf(columns: readonly string[], row: readonly SqlValue[]): SqlRow {
  return Object.fromEntries(columns.map((column, at) => [column, row[at] ?? null]));
}
