/** SQL that answers what it was asked, for tests of the doors. */
import type { RouteHandlers, SqlDatabase, SqlValue, sqlRoutes } from '@p2pos/protocol';

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
const SHOP: SqlDatabase = {
  name: 'shop',
  engine: 'sqlite',
  holders: [PEER],
  createdAt: '2026-11-21T01:02:03.000Z',
};

export function createFakeSql(): RouteHandlers<typeof sqlRoutes> {
  const result = { changes: 1, lastInsertId: 2n ** 60n };
  return {
    create: async ({ database: name, body }) => ({
      ...SHOP,
      name,
      engine: body.engine ?? 'sqlite',
      created: true,
    }),
    drop: async () => ({ existed: true }),
    list: async () => ({ databases: [SHOP] }),
    query: async ({ body }) => ({ columns: ['a'], rows: [[...((body.params ?? []) as SqlValue[])]] }),
    execute: async () => result,
    transaction: async ({ body }) => ({ results: body.statements.map(() => result) }),
    begin: async () => ({ transaction: '0'.repeat(32), expiresInMs: 10_000 }),
    step: async () => result,
    commit: async () => ({ committed: true }),
    rollback: async () => ({ committed: false }),
    adjust: async ({ body: { backup, readers } }) => ({
      ...SHOP,
      ...(backup && { backup }),
      ...(readers !== undefined && { readers }),
    }),
    move: async ({ body: { engine } }) => ({ ...SHOP, engine, moved: true }),
    recover: async () => ({ survivor: PEER, index: 7 }),
    migrate: async ({ body }) => ({ applied: body.migrations.map(({ number }) => number), version: 2 }),
    backup: async () => ({ body: Uint8Array.of(0, 255) }),
    restore: async ({ body }) => ({ bytes: body.length }),
    schema: async () => ({ tables: [] }),
    status: async () => ({
      database: SHOP,
      holders: [
        {
          peerId: PEER,
          reachable: true,
          role: 'holder',
          engineVersion: '3.53.4',
          index: 1,
          bytes: 4_096,
          problem: null,
        },
      ],
    }),
  };
}
