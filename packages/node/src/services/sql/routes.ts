/** Binds the contract of SQL (`protocol/src/sql.ts`) to its rules. */
import {
  P2posError,
  type RouteHandlers,
  type SqlResult,
  type StreamHandlers,
  type sqlRoutes,
  type sqlStreams,
} from '@p2pos/protocol';
import type { StatementResult } from './engine.ts';
import type { Sql } from './sql.ts';

export function createSqlHandlers(sql: Sql): RouteHandlers<typeof sqlRoutes> {
  return {
    async create({ database: name, body }, { app, signal }) {
      const { database, created } = await sql.create({ app, name, ...body }, { signal });
      return { ...database, created };
    },
    drop: async ({ database: name, confirm }, { app, signal }) =>
      sql.drop({ app, name, confirm }, { signal }),
    list: async (_input, { app, signal }) => ({ databases: await sql.list(app, { signal }) }),
    query: async ({ database: name, body }, { app, signal }) => sql.query({ app, name, ...body }, { signal }),
    async execute({ database: name, idempotencyKey, body }, { app, signal }) {
      return plain(await sql.execute({ app, name, idempotencyKey, ...body }, { signal }));
    },
    async transaction({ database: name, idempotencyKey, body: { statements } }, { app, signal }) {
      const results = await sql.transaction({ app, name, idempotencyKey, statements }, { signal });
      return { results: results.map(plain) };
    },
    schema: async ({ database: name }, { app, signal }) => sql.schema({ app, name }, { signal }),
    migrate: async ({ database: name, body }, { app, signal }) =>
      sql.migrate({ app, name, ...body }, { signal }),
    backup: async ({ database: name }, { app, signal }) => ({
      body: await sql.backup({ app, name }, { signal }),
    }),
    async restore({ database: name, confirm, body: file }, { app, signal }) {
      await sql.restore({ app, name, confirm, file }, { signal });
      return { bytes: file.length };
    },
    begin: async ({ database: name }, { app, signal }) => sql.begin({ app, name }, { signal }),
    step: async ({ database: name, transaction, body }, { app, signal }) =>
      plain(await sql.step({ app, name, transaction, ...body }, { signal })),
    async commit({ database: name, transaction }, { app, signal }) {
      const results = await sql.end({ app, name, transaction, how: 'commit' }, { signal });
      return { committed: true as const, ...(results && { results: results.map(plain) }) };
    },
    async rollback({ database: name, transaction }, { app, signal }) {
      await sql.end({ app, name, transaction, how: 'rollback' }, { signal });
      return { committed: false as const };
    },
    adjust: async ({ database: name, body }, { app, signal }) =>
      sql.adjust({ app, name, ...body }, { signal }),
    async move({ database: name, body }, { app, signal }) {
      const { database, moved } = await sql.move({ app, name, ...body }, { signal });
      return { ...database, moved };
    },
    recover: async ({ database: name, confirm }, { app, signal }) =>
      sql.recover({ app, name, confirm }, { signal }),
    status: async ({ database: name }, { app, signal }) => sql.status({ app, name }, { signal }),
  };
}

function plain({ changes, lastInsertId, returned, deferred }: StatementResult): SqlResult {
  return { changes, lastInsertId, ...(returned && { returned }), ...(deferred && { deferred }) };
}

export function createSqlStreams(sql: Pick<Sql, 'live'>): StreamHandlers<typeof sqlStreams> {
  return {
    async sql({ database: name, ...asked }, { app, signal }) {
      const events = sql.live({ app, name, ...asked }, signal);
      const first = await events.next();
      if (first.done || first.value.type !== 'rows') throw new P2posError('CANCELLED');
      const { index, columns, rows } = first.value;
      return { opened: { index, columns, rows }, events };
    },
  };
}
