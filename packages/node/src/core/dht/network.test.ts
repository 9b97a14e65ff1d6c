/** Tables of whole nodes, over rpc. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestnet } from '../../testing/testnet.ts';
import { silentLogger } from '../log/index.ts';
import { createRpc } from '../rpc/index.ts';
import { KAD } from './index.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

test('members join the table by themselves, and find values and each other over rpc', async () => {
  await using net = await createTestnet(8);
  await net.settle();
  await net.until(() => net.nodes.every(({ dht }) => dht.status().contacts === 7));
  const [a, b, c] = net.nodes;
  assert.ok(a && b && c);
  const { key, stored } = await net.during(a.dht.put(utf8('content'), { ttlMs: 60_000 }));
  assert.equal(stored, 8);
  assert.deepEqual(await net.during(b.dht.get(key)), utf8('content'));
  await net.during(a.dht.announce({ topic: 't', entry: 'e', value: utf8('x'), ttlMs: 60_000 }));
  const [found] = await net.during(c.dht.discover('t'));
  assert.deepEqual([found?.author, found?.entry, found?.value], [a.peerId, 'e', utf8('x')]);
  const peer = await net.during(c.dht.findPeer(b.peerId));
  assert.equal(peer?.peerId, b.peerId);
  assert.ok(peer?.addresses.every((address) => b.net.addresses().some((own) => own.startsWith(address))));
});

test('a removed member is no contact any more, and its questions are refused', async () => {
  await using net = await createTestnet(4);
  await net.settle();
  await net.until(() => net.nodes.every(({ dht }) => dht.status().contacts === 3));
  const gone = net.nodes[3];
  assert.ok(gone);
  await net.change((members) => members.filter((member) => member.peerId !== gone.peerId));
  await net.until(() => net.nodes.slice(0, 3).every(({ dht }) => dht.status().contacts === 2));
  assert.equal(await net.during(net.nodes[0]!.dht.findPeer(gone.peerId)), undefined);
});

test('T25, T26: a flood is refused and banned by the key of who floods; replies and names in it do not count', async () => {
  await using net = await createTestnet(4);
  await net.settle();
  await net.until(() => net.nodes.every(({ dht }) => dht.status().contacts === 3));
  const [victim, flooder, other] = net.nodes;
  assert.ok(victim && flooder && other);
  await using rpc = createRpc({ net: flooder.net, clock: net.clock, log: silentLogger });
  const codes = new Map<string, number>();
  const ask = async (i: number) => {
    // Another name and another target each time.
    const input = { addresses: [`/ip4/192.0.2.${i % 256}/tcp/1`], target: new Uint8Array(32).fill(i) };
    const code = await rpc.call(victim.peerId, KAD, 'findNode', input, { timeoutMs: 5_000 }).then(
      () => 'ok',
      (error) => error.code as string,
    );
    codes.set(code, (codes.get(code) ?? 0) + 1);
  };
  // The victim asks the flooder just as much: what it asked for is not held against who answers.
  for (let i = 0; i < 300; i++) await net.during(victim.dht.lookup(new Uint8Array(32).fill(i)));
  for (let i = 0; i < 10_000; i += 500)
    await net.during(Promise.all(Array.from({ length: 500 }, (_, n) => ask(i + n))));
  assert.ok((codes.get('ok') ?? 0) <= 2_200, `${codes.get('ok')} were answered`);
  assert.ok((codes.get('NOT_A_MEMBER') ?? 0) > 1_000, 'later ones are refused before they are read');
  assert.equal(victim.dht.hears(flooder.peerId), false);
  assert.equal(victim.dht.status().banned, 1);
  assert.ok(victim.dht.hears(other.peerId) && other.dht.hears(flooder.peerId));
  assert.equal(flooder.dht.hears(victim.peerId), true);
  assert.equal((await net.during(other.dht.lookup(new Uint8Array(32)))).failures, 0);
  await net.clock.advance(11 * 60_000);
  assert.ok(victim.dht.hears(flooder.peerId), 'the ban ends');
});
