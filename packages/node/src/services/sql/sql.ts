/** The rules of SQL: what is made, found, asked and changed, by whom it is answered. No HTTP, no engine. */

import {
  encodeCbor,
  isP2posError,
  P2posError,
  type SqlConsistency,
  type SqlDatabase,
  type SqlEngine,
  type SqlParams,
  type SqlSchema,
} from '@p2pos/protocol';
import type { PeerId } from '../../core/net/index.ts';
import { createTaskGroup } from '../../core/tasks/index.ts';
import { takeCare } from './care.ts';
import { createCatalogue, type Entry, newId, nextOf } from './catalogue.ts';
import type { CallOptions, SqlDeps } from './deps.ts';
import type { Engine, RowSet, Statement, StatementResult } from './engine.ts';
import { createFiles, type Files } from './files.ts';
import { createHosting } from './hosting.ts';
import { createTransactions, type Transactions } from './interactive.ts';
import { createLiveQueries, type LiveEvent, type LiveInput } from './live.ts';
import { awaitMove, WAIT_MS } from './moves.ts';
import { choosePlaces } from './placement.ts';
import { createRouting, ROUTE_MS, type Routing, statementMs, type Within } from './routing.ts';
import { COLUMNS, schemaOf, TABLES } from './schema.ts';
import { led, serveSql } from './serving.ts';
import { createStanding, described, type Standing } from './standing.ts';
import { checkParams, examine } from './statements/examination.ts';
import { createTending, type Tending } from './tending.ts';
import { SQL } from './wire.ts';

export interface SqlConfig {
  /** How many members keep the catalogue. */
  readonly replicas: number;
  readonly statementTimeoutMs: number;
  readonly replaceAfterMs: number;
}

interface Name {
  readonly app: string;
  readonly name: string;
}
interface Asked {
  readonly sql: string;
  readonly params?: SqlParams | undefined;
}
export interface Sql extends AsyncDisposable, Files, Transactions, Standing, Tending {
  /** `created: false`: one of that name was there, and nothing changed (T18). */
  create(
    input: Name & { readonly engine?: SqlEngine | undefined; readonly voters?: number | undefined },
    options?: CallOptions,
  ): Promise<{ readonly database: SqlDatabase; readonly created: boolean }>;
  drop(
    input: Name & { readonly confirm: string | undefined },
    options?: CallOptions,
  ): Promise<{ readonly existed: boolean }>;
  /** With the app that they belong to. Answers how many there were. */
  dropAll(app: string, options?: CallOptions): Promise<number>;
  list(app: string, options?: CallOptions): Promise<SqlDatabase[]>;
  query(
    input: Name & Asked & { readonly consistency?: SqlConsistency | undefined },
    options?: CallOptions,
  ): Promise<RowSet>;
  execute(
    input: Name & Asked & { readonly idempotencyKey?: string | undefined },
    options?: CallOptions,
  ): Promise<StatementResult>;
  transaction(
    input: Name & { readonly statements: readonly Asked[]; readonly idempotencyKey?: string | undefined },
    options?: CallOptions,
  ): Promise<StatementResult[]>;
  /** The rows of a query, and how they change, until the signal aborts. */
  live(input: LiveInput, signal: AbortSignal): AsyncGenerator<LiveEvent>;
  schema(input: Name, options?: CallOptions): Promise<SqlSchema>;
}

const ASK_MS = 5_000;

export function createSql(deps: SqlDeps, { replicas, statementTimeoutMs, replaceAfterMs }: SqlConfig): Sql {
  const { self, rpc, records, crypto, clock, random, log, shelf } = deps;
  const catalogue = createCatalogue({ records, clock }, { replicas });
  const tasks = createTaskGroup({ clock, random, log });
  const hosting = createHosting({ self, shelf, catalogue, tasks, clock, log });
  const routing: Routing = createRouting({ self, rpc, catalogue, hosting, clock, random });
  const served = serveSql({ ...deps, hosting, backups: shelf?.backups }, { statementTimeoutMs });
  const timeoutMs = statementTimeoutMs + ROUTE_MS;
  const holdsHere = shelf !== undefined;
  const files = createFiles({ ...deps, routing, catalogue, hosting });
  const recruit = async (entry: Entry, besides: readonly PeerId[]) => {
    const wish = { id: entry.id, engine: entry.engine, count: 1, besides };
    const peerIds = choosePlaces({ ...deps, holdsHere }, wish);
    return (await prepare(entry, peerIds, {})).holders[0];
  };
  takeCare(
    { ...deps, hosting, catalogue, tasks, recruit, notice, backups: shelf?.backups },
    { replaceAfterMs },
  );

  function statementOf({ sql, params = [] }: Asked): Statement {
    const examined = examine(sql);
    checkParams(examined, params);
    return { examined, params };
  }

  async function read(name: Name, asked: Asked, consistency: SqlConsistency, { signal }: CallOptions) {
    const statement = statementOf(asked);
    if (!statement.examined.reads) throw new P2posError('SQL_READ_ONLY');
    const input = { sql: asked.sql, params: statement.params, consistency };
    const here = (engine: Engine, within: Within) => {
      const timeoutMs = statementMs(statementTimeoutMs, within.timeoutMs);
      return engine.query(statement, { consistency, timeoutMs, signal: within.signal });
    };
    return routing.call(name, 'query', input, here, { timeoutMs, signal }).catch((error) => {
      // The holder that was asked second had what was left of the time.
      if (isP2posError(error, 'SQL_TIMEOUT'))
        throw new P2posError('SQL_TIMEOUT', { timeoutMs: statementTimeoutMs }, { cause: error });
      throw error;
    });
  }

  const live = createLiveQueries({
    clock,
    async wait({ app, name }, after, signal) {
      const options = { timeoutMs: WAIT_MS + ROUTE_MS, signal };
      const here = async (engine: Engine) =>
        led(engine, { index: await awaitMove({ engine, clock }, after, signal) });
      return (await routing.call({ app, name }, 'wait', { after }, here, options)).index;
    },
    query: ({ app, name, ...asked }, signal) => read({ app, name }, asked, 'weak', { signal }),
  });

  async function write(
    name: Name,
    asked: readonly Asked[],
    idempotencyKey: string | undefined,
    { signal }: CallOptions,
  ): Promise<StatementResult[]> {
    const statements = asked.map(statementOf);
    const plain = asked.map(({ sql, params = [] }) => ({ sql, params }));
    const key = idempotencyKey ?? `~${Buffer.from(random.bytes(16)).toString('hex')}`;
    const body = encodeCbor(plain.map(({ sql, params }) => [sql, params as never]));
    const hash = Buffer.from(crypto.sha256(body)).toString('hex');
    const { results } = await routing.call(
      name,
      'write',
      { statements: plain, key, hash },
      async (engine) =>
        led(engine, {
          results: await engine.write({ statements, key, hash }, { timeoutMs: statementTimeoutMs, signal }),
        }),
      { timeoutMs, signal },
    );
    return results as StatementResult[];
  }

  /** On each of these peers, before the catalogue names it. */
  async function prepare(entry: Entry, peerIds: readonly PeerId[], { signal }: CallOptions): Promise<Entry> {
    const { app, name, id, engine } = entry;
    const input = { app, name, id, engine };
    const holders = await Promise.all(
      peerIds.map(async (peerId) => {
        const place =
          peerId === self
            ? await hosting.prepare(input)
            : await rpc.call(peerId, SQL, 'prepare', input, { timeoutMs: ASK_MS, signal });
        return { peerId, ...place };
      }),
    );
    return { ...entry, holders };
  }

  /** On members that are chosen now: those with a vote first. */
  function place(entry: Entry, options: CallOptions): Promise<Entry> {
    const { id, engine, wanted } = entry;
    return prepare(entry, choosePlaces({ ...deps, holdsHere }, { id, engine, count: wanted }), options);
  }

  /** Best effort: each of them looks by itself later. */
  function notice({ app, name, id, holders }: Entry): void {
    for (const { peerId } of holders) {
      const target = { app, name, id };
      const told =
        peerId === self
          ? hosting.look(target)
          : rpc.call(peerId, SQL, 'notice', target, { timeoutMs: ASK_MS });
      told.catch((error) => log.debug({ action: 'sql_notice', peerId, error }, 'a holder was not told'));
    }
  }

  /** Best effort: where they take longer, the first request waits for them. */
  async function awaitVoters(entry: Entry, options: CallOptions): Promise<void> {
    notice(entry);
    const { app, name } = entry;
    await read({ app, name }, { sql: 'SELECT 1' }, 'linearizable', options).catch((error) =>
      log.warn(
        { action: 'sql_voters_wait', id: entry.id, error },
        'the voters of a new database are not ready yet',
      ),
    );
  }

  async function drop({ app, name }: Name, options: CallOptions): Promise<{ readonly existed: boolean }> {
    for (;;) {
      const found = await catalogue.read({ app, name }, options);
      if (!found) return { existed: false };
      if (!(await catalogue.remove(found, options))) continue;
      notice(found.entry);
      const next = nextOf(found.entry);
      if (next) notice(next);
      log.info({ action: 'sql_database_dropped', id: found.entry.id }, 'a database was deleted');
      return { existed: true };
    }
  }

  return {
    ...createStanding({ ...deps, catalogue, hosting, backups: shelf?.backups }),
    ...files,
    ...createTending({ ...deps, catalogue, routing, files, notice, prepare: place }),
    ...createTransactions({ ...deps, routing }, { statementTimeoutMs }),
    live: live.follow,

    async create({ app, name, engine = 'sqlite', voters }, options = {}) {
      const there = await catalogue.read({ app, name }, options);
      if (there) return { database: described(there.entry), created: false };
      const limit = await deps.databaseLimit?.(app);
      if (limit !== undefined && (await catalogue.names(app, options)).length >= limit)
        throw new P2posError('QUOTA_DATABASES', { app, limit });
      const count = countOf(engine, voters);
      const id = newId(crypto, random.bytes(32));
      const secret = engine === 'rqlite' ? { secret: random.bytes(32) } : {};
      const bare: Entry = {
        app,
        name,
        id,
        engine,
        holders: [],
        wanted: count,
        createdAt: clock.now(),
        ...secret,
      };
      const entry = await place(bare, options);
      if (await catalogue.add(entry, options)) {
        log.info({ action: 'sql_database_created', engine, id, count }, 'a database was created');
        if (engine === 'rqlite') await awaitVoters(entry, options);
        return { database: described(entry), created: true };
      }
      const other = await catalogue.read({ app, name }, options);
      if (!other) throw new P2posError('SQL_DATABASE_NOT_FOUND', { database: name });
      return { database: described(other.entry), created: false };
    },

    async drop({ app, name, confirm }, options = {}) {
      if (confirm !== name) throw new P2posError('SQL_CONFIRM_NAME', { database: name });
      return drop({ app, name }, options);
    },

    async dropAll(app, options = {}) {
      const names = await catalogue.names(app, options);
      for (const name of names) await drop({ app, name }, options);
      return names.length;
    },

    async list(app, options = {}) {
      const names = await catalogue.names(app, options);
      const found = await Promise.all(names.map((name) => catalogue.read({ app, name }, options)));
      return found.flatMap((one) => (one ? [described(one.entry)] : []));
    },

    query: ({ app, name, sql, params, consistency = 'weak' }, options = {}) =>
      read({ app, name }, { sql, params }, consistency, options),

    async execute({ app, name, sql, params, idempotencyKey }, options = {}) {
      const [result] = await write({ app, name }, [{ sql, params }], idempotencyKey, options);
      return result ?? { changes: 0, lastInsertId: null };
    },

    transaction: ({ app, name, statements, idempotencyKey }, options = {}) =>
      write({ app, name }, statements, idempotencyKey, options),

    async schema(name, options = {}) {
      const [tables, columns] = await Promise.all([
        read(name, { sql: TABLES }, 'weak', options),
        read(name, { sql: COLUMNS }, 'weak', options),
      ]);
      return schemaOf(tables, columns);
    },

    async [Symbol.asyncDispose]() {
      served[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
      await hosting[Symbol.asyncDispose]();
    },
  };
}

/** @throws P2posError SQL_UNSUPPORTED */
function countOf(engine: SqlEngine, voters: number | undefined): number {
  if (engine === 'sqlite' && voters !== undefined && voters !== 1)
    throw new P2posError('SQL_UNSUPPORTED', {
      reason: 'a database of the engine sqlite has one holder; choose rqlite for more',
    });
  if (engine === 'rqlite' && voters === 1)
    throw new P2posError('SQL_UNSUPPORTED', {
      reason: 'one voter survives nothing; choose 3 or 5, or the engine sqlite',
    });
  return engine === 'sqlite' ? 1 : (voters ?? 3);
}
