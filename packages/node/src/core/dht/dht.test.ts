/** Tables on a virtual network: joining, finding, keeping, forgetting. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DHT_K } from '@p2pos/protocol';
import { compareDistance } from './index.ts';
import { createSwarm, type Swarm, type SwarmNode } from './testing/swarm.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const HOUR = 3_600_000;

function closestNodes({ nodes, idOf }: Swarm, key: Uint8Array): SwarmNode[] {
  return nodes.toSorted((a, b) => compareDistance(idOf(a.peerId), idOf(b.peerId), key));
}

test('nodes that joined by asking find the closest of 200 to any key', async () => {
  const swarm = createSwarm();
  await swarm.grow(200);
  for (let i = 0; i < 50; i++) {
    const key = swarm.random.bytes(32);
    const from = swarm.random.pick(swarm.nodes);
    const { closest, hops } = await swarm.clock.during(from.dht.lookup(key));
    const expected = closestNodes(swarm, key).filter((node) => node !== from);
    assert.deepEqual(
      closest.slice(0, 5).map(({ peerId }) => peerId),
      expected.slice(0, 5).map(({ peerId }) => peerId),
    );
    assert.ok(hops <= 6, `${hops} hops`);
  }
});

test('T21: a value is stored on the k closest nodes, not on those that happened to be asked', async () => {
  const swarm = createSwarm();
  await swarm.grow(120);
  const { key, stored, asked } = await swarm.clock.during(
    swarm.nodes[7]!.dht.put(utf8('a value'), { ttlMs: HOUR }),
  );
  assert.equal(stored, DHT_K);
  assert.equal(asked, DHT_K);
  const holders = swarm.nodes.filter(({ dht }) => dht.status().values === 1);
  const expected = closestNodes(swarm, key).slice(0, DHT_K);
  const right = expected.filter((node) => holders.includes(node)).length;
  assert.equal(holders.length, DHT_K);
  assert.ok(right >= DHT_K - 1, `${right} of the ${DHT_K} closest hold it`);
});

test('content, own and shared values are found from anywhere; the newest own one wins', async () => {
  const swarm = createSwarm();
  await swarm.grow(60);
  const [author, reader, other] = swarm.nodes.slice(10) as [SwarmNode, SwarmNode, SwarmNode];
  const run = swarm.clock.during;
  const { key } = await run(author.dht.put(utf8('content'), { ttlMs: HOUR }));
  assert.deepEqual(await run(reader.dht.get(key)), utf8('content'));
  assert.equal(await run(reader.dht.get(new Uint8Array(32))), undefined);

  await run(author.dht.publish({ topic: 'home', value: utf8('1'), ttlMs: HOUR }));
  await run(author.dht.publish({ topic: 'home', value: utf8('2'), ttlMs: HOUR }));
  const newest = await run(reader.dht.resolve({ author: author.peerId, topic: 'home' }));
  assert.deepEqual(newest?.value, utf8('2'));
  assert.equal(await run(reader.dht.resolve({ author: other.peerId, topic: 'home' })), undefined);

  for (const node of [author, other])
    await run(node.dht.announce({ topic: 'mirrors', entry: 'x', value: utf8(node.peerId), ttlMs: HOUR }));
  const found = await run(reader.dht.discover('mirrors'));
  assert.deepEqual(new Set(found.map((one) => one.author)), new Set([author.peerId, other.peerId]));
  await run(author.dht.withdraw({ topic: 'mirrors', entry: 'x' }));
  assert.deepEqual(
    (await run(reader.dht.discover('mirrors'))).map((one) => one.author),
    [other.peerId],
  );
});

test('a value outlives all its first holders while its author renews it, and ends when it says', async () => {
  const swarm = createSwarm();
  await swarm.grow(80);
  const author = swarm.nodes[3]!;
  await swarm.clock.during(author.dht.announce({ topic: 't', entry: '', value: utf8('v'), ttlMs: 3 * HOUR }));
  const holders = swarm.nodes.filter(({ dht }) => dht.status().values > 0);
  await swarm.clock.advance(HOUR / 2);
  for (const node of holders) if (node !== author) await swarm.kill(node);
  await swarm.clock.advance(HOUR);
  const reader = swarm.nodes.at(-1)!;
  assert.equal((await swarm.clock.during(reader.dht.discover('t'))).length, 1);
  await swarm.clock.advance(2 * HOUR);
  assert.equal((await swarm.clock.during(reader.dht.discover('t'))).length, 0);
  assert.ok(swarm.nodes.every(({ dht }) => dht.status().values === 0));
});

test('content outlives its publisher: holders hand it to who is closest now', async () => {
  const swarm = createSwarm();
  await swarm.grow(80);
  const author = swarm.nodes[3]!;
  const { key } = await swarm.clock.during(author.dht.put(utf8('v'), { ttlMs: HOUR }));
  await swarm.kill(author);
  const holders = () => swarm.nodes.filter(({ dht }) => dht.status().values > 0);
  for (const node of holders().slice(0, 15)) await swarm.kill(node);
  assert.ok(holders().length <= 5);
  await swarm.clock.advance(2.5 * HOUR);
  assert.ok(holders().length >= DHT_K - 2, `${holders().length} holders`);
  assert.deepEqual(await swarm.clock.during(swarm.nodes[0]!.dht.get(key)), utf8('v'));
});

test('a third of all die at once: what is left finds its way within a minute', async () => {
  const swarm = createSwarm();
  await swarm.grow(150);
  for (const node of swarm.random.fork('dead').bytes(45)) {
    const victim = swarm.nodes[node % swarm.nodes.length];
    if (victim) await swarm.kill(victim);
  }
  await swarm.clock.advance(30_000);
  for (let i = 0; i < 30; i++) {
    const key = swarm.random.bytes(32);
    const from = swarm.random.pick(swarm.nodes);
    const { closest } = await swarm.clock.during(from.dht.lookup(key));
    const [expected] = closestNodes(swarm, key).filter((node) => node !== from);
    assert.equal(closest[0]?.peerId, expected?.peerId);
  }
});

test('a node that is there is found with its addresses, one that is gone is not', async () => {
  const swarm = createSwarm();
  await swarm.grow(60);
  const [a, b, gone] = swarm.nodes as [SwarmNode, SwarmNode, SwarmNode];
  const found = await swarm.clock.during(a.dht.findPeer(b.peerId));
  assert.deepEqual(found, { peerId: b.peerId, addresses: b.link.addresses() });
  await swarm.kill(gone);
  assert.equal(await swarm.clock.during(a.dht.findPeer(gone.peerId)), undefined);
});

test('alone, it says so', async () => {
  const swarm = createSwarm();
  const node = swarm.add();
  await assert.rejects(swarm.clock.during(node.dht.lookup(new Uint8Array(32))), { code: 'DHT_ALONE' });
});
