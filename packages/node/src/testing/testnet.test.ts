/** How nodes end here: in good order, or as processes and machines do that die. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storeThrough } from './store-through.ts';
import { createTestnet, type Testnet } from './testnet.ts';

const LEASES = `SELECT version, leaf FROM records WHERE namespace LIKE '%topic-leases%' ORDER BY leaf`;
const leasesOn = (net: Testnet, i: number) => net.disk(i).peek(LEASES);

async function withSeatHeld(): Promise<Testnet> {
  const net = await createTestnet(3);
  await net.settle();
  const data = new TextEncoder().encode('x');
  await net.during(
    (net.nodes[0] as Testnet['nodes'][0]).topics.append({ app: 'default', topic: 'kept', data }),
  );
  assert.ok(leasesOn(net, 1).length > 0);
  return net;
}

test('who is stopped gives up its leases', async () => {
  await using net = await withSeatHeld();
  const before = leasesOn(net, 1);
  await net.stop(0);
  await net.clock.advance(1_000);
  assert.notDeepEqual(leasesOn(net, 1), before);
});

for (const how of ['reset', 'silent'] as const) {
  test(`a crash (${how}) gives up nothing: no other disk gets anything more from it`, async () => {
    await using net = await withSeatHeld();
    const before = [1, 2].map((i) => leasesOn(net, i));
    const { peerId } = net.nodes[0] as Testnet['nodes'][0];
    await net.crash(0, how);
    await net.clock.advance(1_000);
    assert.deepEqual(
      [1, 2].map((i) => leasesOn(net, i)),
      before,
    );
    assert.equal(net.nodes[1]?.net.isConnected(peerId), how === 'silent');
    await net.until(() => !net.nodes[1]?.net.isConnected(peerId));
    await net.start(0);
    await net.settle();
  });
}

test('of a process that is killed, running or starting, nothing goes on, whatever its disk owes it', async () => {
  let isLost = false;
  await using net = await createTestnet(2, {
    wrap: (i, ports) => ({
      ...ports,
      store: storeThrough(ports.store, {
        write: (statements) => (i === 0 && isLost ? new Promise(() => {}) : ports.store.write(statements)),
      }),
    }),
  });
  await net.settle();
  isLost = true;
  await net.clock.advance(60_000);
  await net.crash(0);
  for (let i = 0; i < 5; i++) {
    const died = assert.rejects(net.start(0), { code: 'STORE_FAILED' });
    await net.clock.advance(10_000);
    await net.crash(0);
    await died;
  }
  await net.stop(1);
  await net.clock.advance(60_000);
  assert.equal(net.clock.pending(), 0);
});

test('members change although the only node that knew of the last change has lost its disk', async () => {
  await using net = await createTestnet(4, { members: 3 });
  await net.settle();
  const { peerId } = net.system.nodes[3] as Testnet['system']['nodes'][0];
  net.partition([0], [1, 2, 3]);
  await net.change((before) => [...before, ...net.system.members([{ peerId }])], 0);
  await net.crash(0);
  net.replaceDisk(0);
  net.heal();
  await net.start(0);
  await net.change((before) => before.filter((member) => member.peerId !== peerId), 1);
  await net.settle();
  assert.equal(net.nodes[0]?.membership.view().epoch, 3);
});

test('while no node runs the members are not changed', async () => {
  await using net = await createTestnet(2);
  await net.settle();
  await net.stop(0);
  await net.stop(1);
  await assert.rejects(
    net.change((before) => before.slice(1)),
    { code: 'NODE_UNREACHABLE' },
  );
  assert.equal(net.snapshot.body.epoch, 1);
});
