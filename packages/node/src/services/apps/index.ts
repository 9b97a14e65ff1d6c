/**
 * Apps (D10): tenants of one system, each with namespaces, tokens and quotas of its own. The operator makes them; a token
 * acts in its app only, within its grants and the app's quotas, through any node.
 *
 * Promises (DESIGN.md names the test of each): nothing of another app is ever read or written with a tenant's token; a token
 * that is revoked ends within 60 s everywhere, within 10 s where a majority can be asked; through all nodes together an app
 * stays within 110 % of its rates.
 *
 * @example
 * await apps.put('shop', { requests: 100 });
 * const { secret } = await apps.createToken('shop', { label: 'web', grants: ['kv:read', 'kv:write@carts/'] });
 * await apps.admit(secret); // { app: 'shop', token, document }
 */
export { type Apps, type AppsConfig, type AppsDeps, createApps, type Tenant } from './apps.ts';
export { createAppsHandlers } from './routes.ts';
