/** Every operation of the contract, through the real client and the real door. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  configRoutes,
  contract,
  type DevNode,
  devRoutes,
  healthRoutes,
  isErrorCode,
  kvRoutes,
  membersRoutes,
  networkRoutes,
  P2posError,
  pubsubRoutes,
  type Route,
  rendezvousRoutes,
  sessionRoutes,
  sqlRoutes,
  topicRoutes,
  updateRoutes,
} from '@p2pos/protocol';
import { type Call, connect } from '@p2pos/sdk';
import { createTestDoor, TEST_PEER } from '../packages/node/src/testing/http-door.ts';
import { APPS_CASES } from './contract/apps.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

/** What `contract-samples.test.ts` cannot see: refusals, and answers that follow from what was asked. */
const CASES: Record<string, (call: Call) => Promise<void>> = {
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
  async 'pubsub.publish'(call) {
    const receipt = await call(pubsubRoutes.publish, { topic: 'a.b', ack: 'all', body: bytes('hello') });
    assert.deepEqual([receipt.subscribers, receipt.clients], [2, 3]);
    await assert.rejects(call(pubsubRoutes.publish, { topic: 'a.*', body: bytes('') }), {
      code: 'PUBSUB_TOPIC_INVALID',
    });
    await assert.rejects(call(pubsubRoutes.publish, { topic: 'a', body: new Uint8Array(1_048_577) }), {
      code: 'PUBSUB_MESSAGE_TOO_LARGE',
    });
  },
  async 'pubsub.topics'(call) {
    assert.deepEqual((await call(pubsubRoutes.topics, {})).topics, [{ pattern: 'a.>', nodes: 2 }]);
  },
  async 'pubsub.presence'(call) {
    assert.equal((await call(pubsubRoutes.presence, { topic: 'a.b' })).nodes[0]?.clients, 3);
  },
  async 'topics.append'(call) {
    const receipt = await call(topicRoutes.append, {
      topic: 'a.b',
      body: bytes('kept'),
      idempotencyKey: 'x',
    });
    assert.deepEqual([receipt.sequence, receipt.token], [7, 1]);
    await assert.rejects(call(topicRoutes.append, { topic: 'a.>', body: bytes('') }), {
      code: 'PUBSUB_TOPIC_INVALID',
    });
  },
  async 'topics.replay'(call) {
    assert.deepEqual(await call(topicRoutes.replay, { topic: 'a.b', from: '7', limit: 10 }), {
      messages: [],
      next: 7,
      gone: 0,
    });
    await assert.rejects(call(topicRoutes.replay, { topic: 'a.b', from: 'yesterday' }), {
      code: 'BAD_REQUEST',
    });
  },
  async 'topics.state'(call) {
    assert.equal((await call(topicRoutes.state, { topic: 'a.b' })).next, 8);
  },
  async 'topics.retain'(call) {
    const { retention } = await call(topicRoutes.retain, { topic: 'a.b', ageMs: 3_600_000, messages: 5 });
    assert.equal(retention.ageMs, 3_600_000);
  },
  async 'topics.acknowledge'(call) {
    const body = { sequences: [1, 2, 3] };
    assert.deepEqual(await call(topicRoutes.acknowledge, { topic: 'a', group: 'g', body }), {
      acknowledged: 3,
    });
  },
  ...APPS_CASES,
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
  async 'rendezvous.register'(call) {
    const body = { addresses: ['203.0.113.7:9000'], data: Uint8Array.of(0, 255) };
    const receipt = await call(rendezvousRoutes.register, {
      namespace: 'chat/lobby',
      name: 'anna',
      ttlMs: 60_000,
      body,
    });
    assert.deepEqual([receipt.namespace, receipt.members, receipt.nodes], ['chat/lobby', 1, 2]);
    const { registrations } = await call(rendezvousRoutes.discover, { namespace: 'chat/lobby' });
    assert.deepEqual(registrations[0]?.data, body.data);
    await assert.rejects(call(rendezvousRoutes.register, { namespace: 'a b', name: 'x', body }), {
      code: 'RENDEZVOUS_NAME_INVALID',
    });
  },
  async 'rendezvous.withdraw'(call) {
    const where = { namespace: 'n', name: 'x' };
    assert.deepEqual(await call(rendezvousRoutes.withdraw, where), { existed: false });
    await call(rendezvousRoutes.register, { ...where, body: { addresses: [] } });
    assert.deepEqual(await call(rendezvousRoutes.withdraw, where), { existed: true });
  },
  async 'rendezvous.discover'(call) {
    for (const name of ['a', 'b'])
      await call(rendezvousRoutes.register, { namespace: 'n', name, body: { addresses: ['/memory/1'] } });
    const page = await call(rendezvousRoutes.discover, { namespace: 'n', limit: 1 });
    assert.deepEqual([page.registrations.length, page.more], [1, true]);
  },
  async 'network.status'(call) {
    assert.equal((await call(networkRoutes.status, {})).state, 'healthy');
  },
  async 'network.peers'(call) {
    assert.deepEqual((await call(networkRoutes.peers, {})).peers, []);
  },
  async 'network.connect'(call) {
    const address = '/ip4/192.0.2.1/tcp/4100';
    assert.equal((await call(networkRoutes.connect, { body: { address } })).address, address);
    await assert.rejects(call(networkRoutes.connect, { body: { address: 'x' } }), {
      code: 'ADDRESS_INVALID',
    });
  },
  async 'network.disconnect'(call) {
    const answer = await call(networkRoutes.disconnect, { body: { peer: '12D3', holdMs: 0 } });
    assert.deepEqual(answer, { peerId: '12D3', closed: 1, heldUntil: null });
    await assert.rejects(call(networkRoutes.disconnect, { body: { peer: '12D3', holdMs: -1 } }), {
      code: 'BAD_REQUEST',
    });
  },
  async 'network.invite'(call) {
    const addresses = ['/ip4/192.0.2.1/tcp/4100/p2p/12D3'];
    assert.deepEqual((await call(networkRoutes.invite, { body: { addresses } })).addresses, addresses);
  },
  async 'members.list'(call) {
    assert.equal((await call(membersRoutes.list, {})).epoch, 0);
  },
  async 'members.snapshot'(call) {
    await assert.rejects(call(membersRoutes.snapshot, {}), { code: 'MEMBERS_SNAPSHOT_NONE' });
  },
  async 'members.submit'(call) {
    const body = Uint8Array.of(1);
    assert.equal((await call(membersRoutes.submit, { kind: 'revocation', body })).result, 'applied');
    await assert.rejects(call(membersRoutes.submit, { kind: 'rotation', body }), { code: 'ROOT_FORKED' });
  },
  async 'members.root'(call) {
    assert.deepEqual((await call(membersRoutes.root, {})).conflicts, []);
  },
  async 'members.audit'(call) {
    assert.equal((await call(membersRoutes.audit, { after: 4, limit: 1 })).entries[0]?.seq, 5);
  },
  async 'members.documents'(call) {
    const first = await call(membersRoutes.documents, { list: 'snapshots' });
    const cursor = first.cursor ?? assert.fail('one page');
    const second = await call(membersRoutes.documents, { list: 'snapshots', cursor });
    assert.deepEqual([second.documents[0]?.epoch, second.cursor], [2, null]);
  },
  async 'members.offer'(call) {
    const answer = await call(membersRoutes.offer, {
      peer: TEST_PEER,
      kind: 'snapshot',
      body: Uint8Array.of(1),
    });
    assert.equal(answer.code, 'SNAPSHOT_REVOKED');
    await assert.rejects(call(membersRoutes.offer, { peer: 'x', kind: 'snapshot', body: Uint8Array.of(1) }), {
      code: 'PEER_ID_INVALID',
    });
  },
  async 'members.loss'(call) {
    assert.equal((await call(membersRoutes.loss, { remove: 'a,b' })).records, 7);
  },
  async 'members.acceptLoss'(call) {
    assert.equal((await call(membersRoutes.acceptLoss, {})).before, 'learner');
  },
  async 'members.push'(call) {
    const body = crypto.getRandomValues(new Uint8Array(5_000));
    assert.equal((await call(membersRoutes.push, { body })).result, 'applied');
    assert.deepEqual((await call(membersRoutes.snapshot, {})).body, body);
  },
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

const NODE: DevNode = { name: 'node0', peerId: '12D3', http: 'http://127.0.0.1:1', pid: 4711, running: true };

const supervisor = {
  nodes: async () => [NODE],
  async kill(name: string) {
    if (name !== NODE.name) throw new P2posError('DEV_NODE_UNKNOWN', { name });
    return { ...NODE, pid: null, running: false };
  },
  start: async () => NODE,
};

const operations = Object.entries(contract).flatMap(([capability, routes]) =>
  Object.entries<Route>(routes).map(([name, route]) => ({ id: `${capability}.${name}`, route })),
);

describe('the contract, over HTTP and over a socket', () => {
  it('has no case for what there is not', () => {
    const known = new Set(operations.map(({ id }) => id));
    assert.deepEqual(
      Object.keys(CASES).filter((id) => !known.has(id)),
      [],
    );
  });

  for (const { id, route } of operations) {
    it(`${id}: documented, granted, refused without a token, and there and back`, async () => {
      assert.match(route.summary, /^[A-Z].*\.$/);
      for (const code of route.errors) assert.ok(isErrorCode(code), code);
      await using door = await createTestDoor({ supervisor });
      const refused = await fetch(`${door.url}${route.path.replace(/\{\w+\+?\}/g, 'x')}`, {
        method: route.method,
      });
      if (route.grant === 'none' || route.grant === 'loopback') {
        assert.notEqual(refused.status, 401);
      } else {
        assert.match(route.grant, /^[a-z]+:[a-z]+$|^token$/);
        assert.equal(refused.status, 401);
        assert.equal(refused.headers.get('x-p2pos-error'), 'AUTH_REQUIRED');
      }
      for (const transport of ['http', 'socket'] as const) {
        await using own = await createTestDoor({ supervisor });
        await using client = connect({ url: own.url, token: own.token, transport });
        await CASES[id]?.(client.call);
        assert.deepEqual(own.errors, []);
      }
    });
  }
});
