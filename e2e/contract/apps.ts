/** Every operation on apps, there and back. */
import assert from 'node:assert/strict';
import { appsRoutes } from '@p2pos/protocol';
import type { Call } from '@p2pos/sdk';

const app = 'shop';
const token = '0123456789abcdef';

export const APPS_CASES: Record<string, (call: Call) => Promise<void>> = {
  async 'apps.list'(call) {
    assert.deepEqual((await call(appsRoutes.list, {})).apps[0]?.app, 'default');
  },
  async 'apps.put'(call) {
    const made = await call(appsRoutes.put, { app, body: { quotas: { requests: 5 } } });
    assert.deepEqual([made.created, made.app.app, made.app.createdAt], [true, app, 0]);
    await assert.rejects(call(appsRoutes.put, { app: 'Shop', body: {} }), { code: 'APP_NAME_INVALID' });
    await assert.rejects(call(appsRoutes.put, { app, body: { quotas: { requests: 0 } } }), {
      code: 'BAD_REQUEST',
    });
  },
  async 'apps.get'(call) {
    assert.equal((await call(appsRoutes.get, { app })).state, 'active');
  },
  async 'apps.suspend'(call) {
    assert.equal((await call(appsRoutes.suspend, { app })).app, app);
  },
  async 'apps.resume'(call) {
    assert.equal((await call(appsRoutes.resume, { app })).app, app);
  },
  async 'apps.delete'(call) {
    assert.deepEqual((await call(appsRoutes.delete, { app, confirm: app })).deleted, { kv: 1 });
  },
  async 'apps.listTokens'(call) {
    assert.deepEqual((await call(appsRoutes.listTokens, { app })).tokens, []);
  },
  async 'apps.createToken'(call) {
    const body = { grants: ['kv:write@a/'], label: 'web', expiresIn: 90_000 };
    const made = await call(appsRoutes.createToken, { app, body });
    assert.deepEqual([made.grants, made.expiresAt], [['kv:write@a/'], null]);
    for (const grant of ['kv', 'kv:write:a', 'KV:read', 'pubsub:subscribe@a.*', 'x'.repeat(700)])
      await assert.rejects(
        call(appsRoutes.createToken, { app, body: { grants: [grant] } }),
        { code: 'BAD_REQUEST' },
        grant,
      );
  },
  async 'apps.rotateToken'(call) {
    assert.equal((await call(appsRoutes.rotateToken, { app, token, graceMs: 5_000 })).id, token);
  },
  async 'apps.revokeToken'(call) {
    assert.deepEqual(await call(appsRoutes.revokeToken, { app, token }), { existed: true });
    await assert.rejects(call(appsRoutes.revokeToken, { app, token: '../..' }), { code: 'BAD_REQUEST' });
  },
  async 'apps.usage'(call) {
    assert.equal((await call(appsRoutes.usage, { app })).storedBytes, 0);
  },
  async 'apps.whoami'(call) {
    assert.deepEqual(await call(appsRoutes.whoami, {}), { app: 'default', grants: ['*'], token: null });
  },
  async 'apps.audit'(call) {
    assert.deepEqual((await call(appsRoutes.audit, { limit: 5 })).entries, []);
  },
};
