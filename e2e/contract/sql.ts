/** Every operation on databases, there and back. */
import assert from 'node:assert/strict';
import { sqlRoutes } from '@p2pos/protocol';
import type { Call } from '@p2pos/sdk';

export const SQL_CASES: Record<string, (call: Call) => Promise<void>> = {
  async 'sql.create'(call) {
    const made = await call(sqlRoutes.create, { database: 'shop', body: { engine: 'rqlite', voters: 3 } });
    assert.deepEqual([made.created, made.engine], [true, 'rqlite']);
    await assert.rejects(call(sqlRoutes.create, { database: '1', body: {} }), {
      code: 'SQL_DATABASE_INVALID',
    });
  },
  async 'sql.drop'(call) {
    assert.deepEqual(await call(sqlRoutes.drop, { database: 'shop', confirm: 'shop' }), { existed: true });
  },
  async 'sql.list'(call) {
    assert.equal((await call(sqlRoutes.list, {})).databases[0]?.name, 'shop');
  },
  async 'sql.query'(call) {
    const params = [null, 1, 2.5, 2n ** 62n, -(2n ** 63n), 'ü\u0000', Uint8Array.of(0, 255), Infinity];
    const body = { sql: 'SELECT ?', params, consistency: 'linearizable' as const };
    assert.deepEqual((await call(sqlRoutes.query, { database: 'shop', body })).rows, [params]);
  },
  async 'sql.execute'(call) {
    const body = { sql: 'INSERT', params: { a: 1 } };
    const result = await call(sqlRoutes.execute, { database: 'shop', idempotencyKey: 'x', body });
    assert.deepEqual(result, { changes: 1, lastInsertId: 2n ** 60n });
  },
  async 'sql.transaction'(call) {
    const body = { statements: [{ sql: 'INSERT', params: [1] }, { sql: 'SELECT' }] };
    const { results } = await call(sqlRoutes.transaction, { database: 'shop', body });
    assert.equal(results.length, 2);
  },
  async 'sql.schema'(call) {
    assert.deepEqual(await call(sqlRoutes.schema, { database: 'shop' }), { tables: [] });
  },
  async 'sql.begin'(call) {
    assert.equal((await call(sqlRoutes.begin, { database: 'shop' })).expiresInMs, 10_000);
  },
  async 'sql.step'(call) {
    const input = { database: 'shop', transaction: '0'.repeat(32), body: { sql: 'DELETE', params: [1] } };
    assert.equal((await call(sqlRoutes.step, input)).changes, 1);
    await assert.rejects(call(sqlRoutes.step, { ...input, transaction: 'x' }), { code: 'BAD_REQUEST' });
  },
  async 'sql.commit'(call) {
    const input = { database: 'shop', transaction: '0'.repeat(32) };
    assert.deepEqual(await call(sqlRoutes.commit, input), { committed: true });
  },
  async 'sql.rollback'(call) {
    const input = { database: 'shop', transaction: '0'.repeat(32) };
    assert.deepEqual(await call(sqlRoutes.rollback, input), { committed: false });
  },
  async 'sql.adjust'(call) {
    const body = { readers: 2, backup: { everyMs: 60_000, keep: 3 } };
    const adjusted = await call(sqlRoutes.adjust, { database: 'shop', body });
    assert.deepEqual([adjusted.readers, adjusted.backup], [2, body.backup]);
  },
  async 'sql.move'(call) {
    const moved = await call(sqlRoutes.move, { database: 'shop', body: { engine: 'rqlite', voters: 5 } });
    assert.deepEqual([moved.engine, moved.moved], ['rqlite', true]);
  },
  async 'sql.recover'(call) {
    assert.equal((await call(sqlRoutes.recover, { database: 'shop', confirm: 'shop' })).index, 7);
  },
  async 'sql.migrate'(call) {
    const body = { migrations: [{ number: 1, name: 'first', sql: 'CREATE TABLE t (a)' }] };
    assert.deepEqual(await call(sqlRoutes.migrate, { database: 'shop', body }), { applied: [1], version: 2 });
  },
  async 'sql.backup'(call) {
    assert.deepEqual((await call(sqlRoutes.backup, { database: 'shop' })).body, Uint8Array.of(0, 255));
  },
  async 'sql.restore'(call) {
    const body = new Uint8Array(100_000);
    const restored = await call(sqlRoutes.restore, { database: 'shop', confirm: 'shop', body });
    assert.equal(restored.bytes, 100_000);
  },
  async 'sql.status'(call) {
    assert.equal((await call(sqlRoutes.status, { database: 'shop' })).holders[0]?.role, 'holder');
  },
};
