/** Every operation on keys, there and back. */
import assert from 'node:assert/strict';
import { kvRoutes } from '@p2pos/protocol';
import type { Call } from '@p2pos/sdk';

const bytes = (text: string) => new TextEncoder().encode(text);

export const KV_CASES: Record<string, (call: Call) => Promise<void>> = {
  async 'kv.put'(call) {
    const receipt = await call(kvRoutes.put, {
      key: 'a/ü ?#%',
      body: bytes('1'),
      ttlMs: 60_000,
      explain: true,
      idempotencyKey: 'x',
    });
    assert.equal(receipt.key, 'a/ü ?#%');
    assert.equal(receipt.durable, receipt.replicas.length);
    assert.equal(receipt.explain?.answered[0]?.result, 'ok');
  },
  async 'kv.get'(call) {
    const { version } = await call(kvRoutes.put, { key: 'g', body: Uint8Array.of(0, 255, 10) });
    const found = await call(kvRoutes.get, { key: 'g', consistency: 'all', explain: true });
    assert.deepEqual(found.body, Uint8Array.of(0, 255, 10));
    assert.equal(found.version, version);
    assert.equal(found.explain?.slot, 7);
    await assert.rejects(call(kvRoutes.get, { key: 'none' }), {
      code: 'KV_KEY_NOT_FOUND',
      details: { key: 'none' },
    });
  },
  async 'kv.head'(call) {
    const { version } = await call(kvRoutes.put, { key: 'h', body: bytes('four') });
    assert.deepEqual(await call(kvRoutes.head, { key: 'h' }), { version, size: 4 });
    await assert.rejects(call(kvRoutes.head, { key: 'nöne' }), {
      code: 'KV_KEY_NOT_FOUND',
      details: { key: 'nöne' },
    });
  },
  async 'kv.delete'(call) {
    await call(kvRoutes.put, { key: 'd', body: bytes('1') });
    assert.equal((await call(kvRoutes.delete, { key: 'd' })).existed, true);
    assert.equal((await call(kvRoutes.delete, { key: 'd' })).existed, false);
  },
  async 'kv.list'(call) {
    for (const key of ['l/1', 'l/2', 'l/3']) await call(kvRoutes.put, { key, body: bytes('1') });
    const first = await call(kvRoutes.list, { prefix: 'l/', limit: 2, partial: false });
    assert.deepEqual(first.keys, ['l/1', 'l/2']);
    assert.deepEqual(await call(kvRoutes.list, { prefix: 'l/', cursor: first.cursor ?? '' }), {
      keys: ['l/3'],
      cursor: null,
    });
  },
  async 'kv.attest'(call) {
    const { key, value, receipt } = await call(kvRoutes.attest, { key: 'a' });
    assert.deepEqual([key, value, receipt.epoch], ['a', bytes('attested'), 1]);
  },
  async 'kv.lock'(call) {
    const locked = await call(kvRoutes.lock, { key: 'l', holder: 'a', ttlMs: 1_000 });
    assert.deepEqual(locked, { held: true, token: 1 });
  },
  async 'kv.renewLock'(call) {
    const input = { key: 'l', holder: 'a', token: 1, ttlMs: 1_000 };
    assert.deepEqual(await call(kvRoutes.renewLock, input), { held: true });
  },
  async 'kv.unlock'(call) {
    assert.deepEqual(await call(kvRoutes.unlock, { key: 'l', holder: 'a', token: 1 }), { released: true });
  },
};
