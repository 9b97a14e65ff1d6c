/** Every operation on the node itself, there and back. */
import assert from 'node:assert/strict';
import {
  configRoutes,
  type DevNode,
  devRoutes,
  healthRoutes,
  P2posError,
  sessionRoutes,
  updateRoutes,
} from '@p2pos/protocol';
import type { Call } from '@p2pos/sdk';

const NODE: DevNode = { name: 'node0', peerId: '12D3', http: 'http://127.0.0.1:1', pid: 4711, running: true };

/** Of a development system with one node. */
export const supervisor = {
  nodes: async () => [NODE],
  async kill(name: string) {
    if (name !== NODE.name) throw new P2posError('DEV_NODE_UNKNOWN', { name });
    return { ...NODE, pid: null, running: false };
  },
  start: async () => NODE,
};

export const NODE_CASES: Record<string, (call: Call) => Promise<void>> = {
  async 'health.read'(call) {
    assert.equal((await call(healthRoutes.read, {})).status, 'ok');
  },
  async 'config.reload'(call) {
    assert.deepEqual(await call(configRoutes.reload, {}), { applied: ['log.level'], needsRestart: [] });
  },
  async 'update.status'(call) {
    assert.equal((await call(updateRoutes.status, {})).running, '0.1.0');
  },
  async 'update.check'(call) {
    assert.equal((await call(updateRoutes.check, { body: Uint8Array.of(1) })).isNewer, true);
    await assert.rejects(call(updateRoutes.check, { body: new Uint8Array() }), { code: 'RELEASE_SIGNATURE' });
  },
  async 'update.apply'(call) {
    assert.equal((await call(updateRoutes.apply, { body: Uint8Array.of(1) })).rollout, null);
  },
  async 'update.pause'(call) {
    await assert.rejects(call(updateRoutes.pause, {}), { code: 'UPDATE_NONE' });
  },
  async 'update.finalize'(call) {
    assert.equal((await call(updateRoutes.finalize, {})).rollout, null);
  },
  async 'session.link'(call) {
    assert.match((await call(sessionRoutes.link, {})).url, /^http:\/\/127\.0\.0\.1:\d+\/session\/[\w-]{43}$/);
  },
  async 'session.exchange'(call) {
    const { url } = await call(sessionRoutes.link, {});
    const secret = url.slice(url.lastIndexOf('/') + 1);
    const { cookie } = await call(sessionRoutes.exchange, { secret });
    assert.match(cookie ?? '', /^p2pos_12D3.*; HttpOnly; SameSite=Strict$/);
    await assert.rejects(call(sessionRoutes.exchange, { secret }), { code: 'SESSION_LINK_INVALID' });
  },
  async 'dev.nodes'(call) {
    assert.deepEqual((await call(devRoutes.nodes, {})).nodes, [NODE]);
  },
  async 'dev.kill'(call) {
    assert.deepEqual(await call(devRoutes.kill, { name: 'node0' }), { ...NODE, pid: null, running: false });
    await assert.rejects(call(devRoutes.kill, { name: 'node9' }), { code: 'DEV_NODE_UNKNOWN' });
  },
  async 'dev.start'(call) {
    assert.deepEqual(await call(devRoutes.start, { name: 'node0' }), NODE);
  },
};
