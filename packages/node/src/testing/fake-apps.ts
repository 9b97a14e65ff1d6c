/** Answers of the right shape for every operation on apps. */
import type { AppInfo, appsRoutes, IssuedToken, RouteHandlers } from '@p2pos/protocol';

const info = (app: string): AppInfo => ({ app, state: 'active', createdAt: 0, quotas: {}, tokens: 0 });
const issued = (grants: string[]): IssuedToken => ({
  id: '0123456789abcdef',
  label: '',
  grants,
  createdAt: 0,
  expiresAt: null,
  token: `p2pos_${'A'.repeat(43)}`,
});

export const fakeApps: RouteHandlers<typeof appsRoutes> = {
  list: async () => ({ apps: [info('default')] }),
  put: async ({ app }) => ({ created: true, app: info(app) }),
  get: async ({ app }) => info(app),
  suspend: async ({ app }) => info(app),
  resume: async ({ app }) => info(app),
  delete: async () => ({ existed: true, deleted: { kv: 1 } }),
  listTokens: async () => ({ tokens: [] }),
  createToken: async ({ body }) => issued(body.grants),
  rotateToken: async () => issued(['kv:read']),
  revokeToken: async () => ({ existed: true }),
  usage: async ({ app }) => ({
    app,
    requests: 0,
    refused: 0,
    messages: 0,
    storedBytes: 0,
    nodes: 1,
    missing: [],
  }),
  whoami: async (_, { app, grants }) => ({ app, grants: [...grants], token: null }),
  audit: async () => ({ entries: [] }),
};
