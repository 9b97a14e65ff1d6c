/** Members behind routers, in network namespaces with real address translation: loopback would hide all of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { missingForNamespaces } from '../namespaces/spaces.ts';
import { startMembers } from '../nat/members.ts';

const skip = missingForNamespaces() ?? false;
const slow = { timeoutMs: 60_000, everyMs: 100 };

test('a node behind a symmetric NAT is a full member through a relay, and survives the relay', {
  skip,
  timeout: 240_000,
}, async (t) => {
  // Two relays among three public nodes are taken; the two behind routers reach each other through them.
  await using system = await startMembers(['open', 'open', 'open', 'symmetric', 'symmetric']);
  for (const i of [0, 1, 2, 3, 4]) system.start(i);
  const healthy = (i: number, connected: number) =>
    eventually(async () => {
      const status = await system.status(i);
      assert.deepEqual({ state: status.state, connected: status.connected }, { state: 'healthy', connected });
    }, slow);
  const relaysOf = async (i: number) =>
    (await system.status(i)).addresses.flatMap(
      (address) => /\/p2p\/([^/]+)\/p2p-circuit/.exec(address)?.[1] ?? [],
    );
  for (const i of [0, 1, 2, 3, 4]) await healthy(i, 4);
  await eventually(async () => assert.equal(new Set(await relaysOf(3)).size, 2), slow);
  assert.equal(await system.link(3, 4), 'relayed');
  assert.equal(await system.link(3, 0), 'direct', 'it dialled the public ones itself');
  // It holds records and answers for them like any other.
  const put = await system.ask<{ durable: number }>(3, 'PUT', '/v1/kv/from-behind', 'hello');
  assert.ok(put.durable >= 2, JSON.stringify(put));
  assert.equal(await system.ask(4, 'GET', '/v1/kv/from-behind'), 'hello');

  const carrying = [];
  for (const i of [0, 1, 2]) {
    const text = await system.ask<string>(i, 'GET', '/metrics');
    carrying.push(Number(/^p2pos_carried_bytes (\d+)/m.exec(text)?.[1]));
  }
  const busiest = carrying.indexOf(Math.max(...carrying));
  assert.ok(Number(carrying[busiest]) > 1_000, `${carrying}`);
  const killedAt = performance.now();
  system.kill(busiest);
  await eventually(async () => {
    for (const i of [3, 4]) {
      const status = await system.status(i);
      assert.deepEqual(
        { state: status.state, connected: status.connected },
        { state: 'healthy', connected: 3 },
      );
    }
    assert.ok(!(await relaysOf(3)).includes(system.peerId(busiest)));
    assert.equal(new Set(await relaysOf(3)).size, 2, 'another took its place');
    assert.equal(await system.link(3, 4), 'relayed');
  }, slow);
  t.diagnostic(
    `both are healthy through another relay ${Math.round(performance.now() - killedAt)} ms after it was killed`,
  );
  const again = await system.ask<{ durable: number }>(4, 'PUT', '/v1/kv/after', 'there');
  assert.ok(again.durable >= 2, JSON.stringify(again));
  assert.equal(await system.ask(3, 'GET', '/v1/kv/after'), 'there');
});

test('two nodes behind port-restricted NATs end up connected directly', {
  skip,
  timeout: 240_000,
}, async (t) => {
  await using system = await startMembers(['open', 'open', 'port-restricted', 'port-restricted']);
  const startedAt = performance.now();
  for (const i of [0, 1, 2, 3]) system.start(i);
  await eventually(async () => {
    assert.equal(await system.link(2, 3), 'direct');
    assert.equal(await system.link(3, 2), 'direct');
  }, slow);
  t.diagnostic(`direct ${Math.round(performance.now() - startedAt)} ms after the processes began`);
  // It carries calls both ways, also after the relayed one was dropped.
  const { startedAt: at } = await system.status(2);
  for (let i = 0; i < 6; i++) {
    const [from, to] = i % 2 === 0 ? [2, 3] : [3, 2];
    await system.ask(from, 'PUT', `/v1/kv/through-${i}`, 'both');
    assert.equal(await system.ask(to, 'GET', `/v1/kv/through-${i}`), 'both');
  }
  assert.equal((await system.status(2)).startedAt, at);
  assert.equal(await system.link(2, 3), 'direct');
});
