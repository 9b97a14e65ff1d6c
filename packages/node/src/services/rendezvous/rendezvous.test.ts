/** Whole nodes: register on one, find from another, through members and through the hash table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Capability, Registration } from '@p2pos/protocol';
import { silentLogger } from '../../core/log/index.ts';
import { createRpc } from '../../core/rpc/index.ts';
import { createTestnet, type Testnet } from '../../testing/testnet.ts';
import { RENDEZVOUS } from './wire.ts';

const CHAT = { app: 'default', namespace: 'chat/lobby' };
const names = ({ registrations }: { readonly registrations: readonly Registration[] }) =>
  registrations.map(({ name }) => name).sort();

async function started(count: number, holders: readonly number[] = []): Promise<Testnet> {
  const net = await createTestnet(count);
  await net.settle();
  if (holders.length > 0) {
    const capabilities: Capability[] = ['storage', 'rendezvous'];
    await net.change((members) =>
      members.map((one, i) => (holders.includes(i) ? { ...one, capabilities } : one)),
    );
    await net.settle();
  }
  await net.until(() => net.nodes.every(({ dht }) => dht.status().contacts === count - 1));
  return net;
}

test('what is registered on one node is found on all, until its time is over', async () => {
  await using net = await started(5);
  const [a, b] = net.nodes;
  assert.ok(a && b);
  const data = new TextEncoder().encode('hello');
  const input = { ...CHAT, name: 'anna', addresses: ['203.0.113.7:9000'], data, ttlMs: 60_000 };
  const receipt = await net.during(a.rendezvous.register(input));
  assert.deepEqual([receipt.members, receipt.nodes], [0, 5]);
  for (const node of net.nodes) {
    const { registrations } = await net.during(node.rendezvous.discover(CHAT));
    assert.deepEqual(
      registrations.map(({ name, addresses, by }) => [name, addresses, by]),
      [['anna', ['203.0.113.7:9000'], a.peerId]],
    );
    assert.deepEqual(registrations[0]?.data, data);
  }
  assert.deepEqual(names(await net.during(b.rendezvous.discover({ ...CHAT, app: 'other' }))), []);
  assert.deepEqual(names(await net.during(b.rendezvous.discover({ ...CHAT, namespace: 'chat' }))), []);
  await net.clock.advance(61_000);
  for (const node of net.nodes) assert.deepEqual(names(await net.during(node.rendezvous.discover(CHAT))), []);
});

test('rendezvous members hold it too; one of each is enough to find it', async () => {
  await using net = await started(5, [1, 2, 3, 4]);
  const [a, b] = net.nodes;
  assert.ok(a && b);
  const receipt = await net.during(a.rendezvous.register({ ...CHAT, name: 'anna', addresses: [] }));
  assert.equal(receipt.members, 3);
  await net.during(b.rendezvous.register({ ...CHAT, name: 'bert', addresses: [] }));
  await net.stop(0);
  await net.stop(2);
  for (const i of [1, 3, 4])
    assert.deepEqual(names(await net.during(net.nodes[i]!.rendezvous.discover(CHAT))), ['anna', 'bert']);
});

test('a later registration replaces the former; a withdrawn one stays away', async () => {
  await using net = await started(4, [1]);
  const [a, b] = net.nodes;
  assert.ok(a && b);
  const anna = { ...CHAT, name: 'anna' };
  await net.during(a.rendezvous.register({ ...anna, addresses: ['old:1'] }));
  await net.during(a.rendezvous.register({ ...anna, addresses: ['new:1'] }));
  const { registrations } = await net.during(b.rendezvous.discover(CHAT));
  assert.deepEqual(
    registrations.map(({ addresses }) => addresses),
    [['new:1']],
  );
  assert.deepEqual(await net.during(b.rendezvous.withdraw(anna)), { existed: false });
  assert.deepEqual(await net.during(a.rendezvous.withdraw(anna)), { existed: true });
  for (const node of net.nodes) assert.deepEqual(names(await net.during(node.rendezvous.discover(CHAT))), []);
});

test('T24: two that register at the same moment are both found', async () => {
  await using net = await started(4);
  const done = net.nodes.map((node, i) =>
    node.rendezvous.register({ ...CHAT, name: `n${i}`, addresses: [] }),
  );
  await net.during(Promise.all(done));
  assert.deepEqual(names(await net.during(net.nodes[0]!.rendezvous.discover(CHAT))), [
    'n0',
    'n1',
    'n2',
    'n3',
  ]);
});

test('a page holds what was asked for and says that there is more', async () => {
  await using net = await started(3);
  const [a, b] = net.nodes;
  assert.ok(a && b);
  for (let i = 0; i < 5; i++)
    await net.during(a.rendezvous.register({ ...CHAT, name: `n${i}`, addresses: [] }));
  const page = await net.during(b.rendezvous.discover({ ...CHAT, limit: 3 }));
  assert.deepEqual([page.registrations.map(({ name }) => name), page.more], [['n4', 'n3', 'n2'], true]);
});

test('a forged entry is refused by who should hold it', async () => {
  await using net = await started(3, [1]);
  const [a, b] = net.nodes;
  assert.ok(a && b);
  await using rpc = createRpc({ net: a.net, clock: net.clock, log: silentLogger });
  const call = rpc.call(
    b.peerId,
    RENDEZVOUS,
    'register',
    { entry: new Uint8Array(200).fill(7) },
    { timeoutMs: 1_000 },
  );
  await assert.rejects(net.during(call), { code: 'DHT_VALUE_REFUSED' });
});

test('T26: a member that floods is refused by its key, whatever names it uses', async () => {
  await using net = await started(3, [1]);
  const [a, b, c] = net.nodes;
  assert.ok(a && b && c);
  await using rpc = createRpc({ net: a.net, clock: net.clock, log: silentLogger });
  const ask = (i: number) =>
    rpc
      .call(
        b.peerId,
        RENDEZVOUS,
        'discover',
        { topic: `rendezvous/app${i}/x`, limit: 1 },
        { timeoutMs: 1_000 },
      )
      .then(
        () => 'ok',
        (error) => error.code as string,
      );
  const answers = await net.during(Promise.all(Array.from({ length: 900 }, (_, i) => ask(i))));
  assert.ok(answers.filter((code) => code === 'OVERLOADED').length > 300);
  assert.deepEqual(names(await net.during(c.rendezvous.discover(CHAT))), []);
});
