/** Binds the contract of apps (`protocol/src/apps.ts`) to its rules. */
import { type appsRoutes, P2posError, type RouteHandlers } from '@p2pos/protocol';
import type { Apps } from './apps.ts';
import { appInfo, tokenInfo } from './document.ts';

const DEFAULT_AUDIT = 100;

export function createAppsHandlers(apps: Apps): RouteHandlers<typeof appsRoutes> {
  return {
    list: async (_, { signal }) => ({ apps: (await apps.list({ signal })).map(appInfo) }),
    async put({ app, body }, { signal }) {
      const { created, document } = await apps.put(app, body.quotas, { signal });
      return { created, app: appInfo(document) };
    },
    get: async ({ app }, { signal }) => appInfo(await apps.get(app, { signal })),
    suspend: async ({ app }, { signal }) => appInfo(await apps.setState(app, 'suspended', { signal })),
    resume: async ({ app }, { signal }) => appInfo(await apps.setState(app, 'active', { signal })),
    async delete({ app, confirm }, { signal }) {
      if (confirm !== app) throw new P2posError('APP_CONFIRMATION_MISSING', { app });
      return apps.delete(app, { signal });
    },
    listTokens: async ({ app }, { signal }) => ({
      tokens: (await apps.get(app, { signal })).tokens.map(tokenInfo),
    }),
    async createToken({ app, body }, { signal }) {
      const { label = '', grants, expiresIn } = body;
      const made = await apps.createToken(app, { label, grants, expiresInMs: expiresIn }, { signal });
      return { ...tokenInfo(made.token), token: made.secret };
    },
    async rotateToken({ app, token, graceMs = 0 }, { signal }) {
      const made = await apps.rotateToken(app, token, graceMs, { signal });
      return { ...tokenInfo(made.token), token: made.secret };
    },
    revokeToken: async ({ app, token }, { signal }) => ({
      existed: await apps.revokeToken(app, token, { signal }),
    }),
    usage: ({ app }, { signal }) => apps.usage(app, { signal }),
    async whoami(_, { app, grants, tokenId, signal }) {
      const token =
        tokenId === undefined
          ? undefined
          : (await apps.get(app, { signal })).tokens.find(({ id }) => id === tokenId);
      return { app, grants: [...grants], token: token ? tokenInfo(token) : null };
    },
    audit: async ({ limit = DEFAULT_AUDIT }, { signal }) => ({
      entries: [...(await apps.audit(limit, { signal }))],
    }),
  };
}
