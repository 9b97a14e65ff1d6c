/** Binds the contract of SQL (`protocol/src/sql.ts`) to its rules. */
import type { RouteHandlers, SqlResult, sqlRoutes } from '@p2pos/protocol';
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
    recover: async ({ database: name, confirm }, { app, signal }) =>
      sql.recover({ app, name, confirm }, { signal }),
    status: async ({ database: name }, { app, signal }) => sql.status({ app, name }, { signal }),
  };
}

function plain({ changes, lastInsertId, returned }: StatementResult): SqlResult {
  return { changes, lastInsertId, ...(returned && { returned }) };
}
