/** Several whole nodes: who gets what, in which order, and what is told of the rest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DeliveryReceipt,
  type DeliveryStatement,
  isP2posError,
  MAX_PUBSUB_MESSAGE_BYTES,
  P2posError,
  type SlowPolicy,
  verifyDelivery,
} from '@p2pos/protocol';
import { instantCrypto } from '../../testing/instant-crypto.ts';
import { createTestnet, type Testnet } from '../../testing/testnet.ts';
import type { SubscriptionEvent } from './subscriptions/subscription.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

interface Reader {
  readonly events: SubscriptionEvent[];
  readonly confirmedBy: readonly string[];
  readonly unconfirmed: readonly string[];
  texts(): string[];
  stop(): void;
  error: unknown;
}

async function subscribe(
  net: Testnet,
  i: number,
  topic: string,
  { slow, app = 'default' }: { readonly slow?: SlowPolicy; readonly app?: string } = {},
): Promise<Reader> {
  const end = new AbortController();
  const input = { app, topic, ...(slow && { slow }) };
  const subscribing = net.nodes[i]?.pubsub.subscribe(input, { signal: end.signal });
  const { batches, ...confirmation } = await net.during(subscribing as NonNullable<typeof subscribing>);
  const reader: Reader = {
    events: [],
    ...confirmation,
    texts: () => reader.events.flatMap((event) => (event.type === 'message' ? [text(event.data)] : [])),
    stop: () => end.abort(),
    error: undefined,
  };
  void (async () => {
    try {
      for await (const batch of batches) reader.events.push(...batch);
    } catch (error) {
      reader.error = error;
    }
  })();
  return reader;
}

/** What the same subscription gets through another node, away since `openedAt` at most. */
async function comeBack(net: Testnet, i: number, topic: string, reader: Reader, openedAt: number) {
  const after = reader.events.flatMap((event) => (event.type === 'message' ? [event] : []));
  const { pubsub } = net.nodes[i] as Testnet['nodes'][0];
  const sinceMs = net.clock.monotonic() - openedAt;
  const again = await net.during(pubsub.subscribe({ app: 'default', topic, sinceMs, after }));
  const events: SubscriptionEvent[] = [];
  void (async () => {
    for await (const batch of again.batches) events.push(...batch);
  })();
  return events;
}

function publish(
  net: Testnet,
  i: number,
  topic: string,
  data: string,
  ack: 'none' | 'one' | 'all' = 'none',
  app = 'default',
) {
  const publishing = net.nodes[i]?.pubsub.publish({ app, topic, data: bytes(data), ack });
  return net.during(publishing as NonNullable<typeof publishing>);
}

async function* single(batches: AsyncIterable<readonly SubscriptionEvent[]>) {
  for await (const batch of batches) yield* batch;
}

async function settled(count: number): Promise<Testnet> {
  const net = await createTestnet(count);
  await net.settle();
  return net;
}

test('every subscriber on every node gets each message once, in order, and the receipt counts them', async () => {
  await using net = await settled(4);
  const readers: Reader[] = [await subscribe(net, 1, 'a.b')];
  readers.push(await subscribe(net, 2, 'a.*'), await subscribe(net, 2, 'a.>'), await subscribe(net, 0, '>'));
  assert.equal(readers[1]?.confirmedBy.length, 3);
  for (let i = 0; i < 50; i++) await publish(net, 0, 'a.b', `m${i}`);
  assert.equal((await publish(net, 0, 'a.b', 'last', 'all')).subscribers, 3);
  const expected = [...Array.from({ length: 50 }, (_, i) => `m${i}`), 'last'];
  await net.until(() => readers.every(({ events }) => events.length >= 51));
  for (const reader of readers) assert.deepEqual(reader.texts(), expected);
  assert.equal((await publish(net, 3, 'a.b', 'x', 'all')).clients, 4);
});

test('T12: two subscriptions to one topic both fire, and ending one leaves the other', async () => {
  await using net = await settled(2);
  const one = await subscribe(net, 1, 'a');
  const two = await subscribe(net, 1, 'a');
  assert.equal((await publish(net, 0, 'a', '1', 'all')).clients, 2);
  one.stop();
  await net.clock.advance(100);
  assert.equal((await publish(net, 0, 'a', '2', 'all')).clients, 1);
  assert.deepEqual([one.texts(), two.texts()], [['1'], ['1', '2']]);
  two.stop();
  await net.clock.advance(100);
  assert.equal((await publish(net, 0, 'a', '3')).subscribers, 0);
});

test('nobody hears: subscribers 0, and who asks for one or all is told', async () => {
  await using net = await settled(3);
  assert.deepEqual((await publish(net, 0, 'silent', 'x')).subscribers, 0);
  for (const ack of ['one', 'all'] as const)
    await assert.rejects(publish(net, 0, 'silent', 'x', ack), (error) =>
      isP2posError(error, 'PUBSUB_NO_SUBSCRIBER'),
    );
});

test('what is published the moment a subscription is confirmed is delivered', async () => {
  await using net = await settled(5);
  for (let i = 0; i < 5; i++) {
    const reader = await subscribe(net, 4, `now${i}`);
    await publish(net, 0, `now${i}`, 'at once');
    await net.clock.advance(50);
    assert.deepEqual(reader.texts(), ['at once']);
  }
});

test('apps do not hear each other', async () => {
  await using net = await settled(2);
  const other = await subscribe(net, 1, '>', { app: 'other' });
  assert.equal((await publish(net, 0, 'a', 'x')).subscribers, 0);
  await publish(net, 0, 'a', 'y', 'all', 'other');
  assert.deepEqual(other.texts(), ['y']);
});

test('topics and sizes that are refused harm no stream', async () => {
  await using net = await settled(2);
  const reader = await subscribe(net, 1, 'a');
  const invalid = (error: unknown) => isP2posError(error, 'PUBSUB_TOPIC_INVALID');
  for (const topic of [
    '',
    'a..b',
    'a.*',
    'a.>',
    'a b',
    '.a',
    'a.',
    'x'.repeat(2_000),
    Array(200).fill('a').join('.'),
  ])
    await assert.rejects(publish(net, 0, topic, 'x'), invalid, topic);
  await assert.rejects(subscribe(net, 1, 'a.>.b'), invalid);
  const whole = new Uint8Array(MAX_PUBSUB_MESSAGE_BYTES);
  const { pubsub } = net.nodes[0] as Testnet['nodes'][0];
  await assert.rejects(
    pubsub.publish({ app: 'default', topic: 'a', data: new Uint8Array(MAX_PUBSUB_MESSAGE_BYTES + 1) }),
    (error) => isP2posError(error, 'PUBSUB_MESSAGE_TOO_LARGE'),
  );
  await net.during(pubsub.publish({ app: 'default', topic: 'a', data: whole, ack: 'all' }));
  await publish(net, 0, 'a', 'after', 'all');
  assert.equal(reader.events.length, 2);
  const [first] = reader.events;
  assert.ok(first?.type === 'message' && first.data.length === MAX_PUBSUB_MESSAGE_BYTES);
});

test('a link that is cut for ten seconds loses nothing; for a minute it tells exactly what', async () => {
  await using net = await settled(3);
  const reader = await subscribe(net, 2, 'a');
  await publish(net, 0, 'a', 'before', 'all');
  net.partition([0], [1, 2]);
  for (let i = 0; i < 10; i++) await publish(net, 0, 'a', `cut ${i}`);
  await net.clock.advance(10_000);
  net.heal();
  await net.until(() => reader.texts().length === 11);
  assert.deepEqual(reader.texts(), ['before', ...Array.from({ length: 10 }, (_, i) => `cut ${i}`)]);
  net.partition([0], [1, 2]);
  for (let i = 0; i < 3; i++) await publish(net, 0, 'a', `lost ${i}`);
  await net.clock.advance(60_000);
  net.heal();
  await net.until(() => net.nodes[0]?.net.isConnected(net.nodes[2]?.peerId ?? '') ?? false);
  await publish(net, 0, 'a', 'after');
  await net.until(() => reader.texts().at(-1) === 'after');
  const told = reader.events
    .slice(11)
    .flatMap((event) => (event.type === 'gap' ? [[event.from, event.to]] : []));
  assert.deepEqual(
    told.flatMap(([from = 0, to = 0]) => Array.from({ length: to - from + 1 }, (_, i) => from + i)),
    [12, 13, 14],
  );
});

test('a publisher that starts anew goes on under a new incarnation, and a subscriber that does hears from then on', async () => {
  await using net = await settled(3);
  const reader = await subscribe(net, 2, 'a');
  await publish(net, 0, 'a', 'first life', 'all');
  await net.crash(0);
  await net.clock.advance(1_000);
  await net.start(0);
  await net.settle();
  await net.until(() => (net.nodes[0]?.pubsub.topics('default').length ?? 0) > 0);
  await publish(net, 0, 'a', 'second life', 'all');
  assert.deepEqual(reader.texts(), ['first life', 'second life']);
  const lives = new Set(reader.events.map((event) => (event.type === 'message' ? event.incarnation : 0)));
  assert.equal(lives.size, 2);
  await net.crash(2);
  await publish(net, 0, 'a', 'nobody there');
  await net.start(2);
  await net.settle();
  const again = await subscribe(net, 2, 'a');
  await publish(net, 0, 'a', 'there again', 'all');
  assert.deepEqual(again.texts(), ['there again']);
  assert.equal(again.events.length, 1, 'no gap is told of what was meant for the former process');
});

test('T17: a slow subscriber drops by its own choice, is told, and holds up nobody', async () => {
  await using net = await settled(2);
  const { pubsub } = net.nodes[1] as Testnet['nodes'][0];
  const open = async (slow: SlowPolicy) =>
    single((await net.during(pubsub.subscribe({ app: 'default', topic: 'a.>', slow }))).batches);
  const buffer = await open('buffer');
  const latest = await open('latest');
  const disconnect = await open('disconnect');
  const quick = await subscribe(net, 1, 'a.>');
  const total = 9_000;
  for (let i = 0; i < total; i += 500) {
    for (let j = 0; j < 500; j++)
      void net.nodes[0]?.pubsub.publish({ app: 'default', topic: `a.${j % 2}`, data: bytes(`${i + j}`) });
    await net.clock.advance(20);
  }
  await net.until(() => quick.events.length === total);
  const first = await buffer.next();
  assert.deepEqual(first.value, { type: 'missed', count: total - 8_192 });
  const oldest = (await buffer.next()) as IteratorYieldResult<SubscriptionEvent>;
  assert.ok(oldest.value.type === 'message' && text(oldest.value.data) === `${total - 8_192}`);
  assert.equal((await latest.next()).value?.type, 'missed');
  await assert.rejects(
    async () => {
      for (let i = 0; i <= total; i++) await disconnect.next();
    },
    (error) => error instanceof P2posError && error.code === 'PUBSUB_TOO_SLOW',
  );
});

test('presence and topics tell who is there', async () => {
  await using net = await settled(3);
  await subscribe(net, 1, 'room.*');
  await subscribe(net, 1, 'room.1');
  const gone = await subscribe(net, 2, 'room.1');
  const at = (i: number) => net.nodes[i]?.peerId ?? '';
  const presence = () =>
    net.during((net.nodes[0] as Testnet['nodes'][0]).pubsub.presence({ app: 'default', topic: 'room.1' }));
  assert.deepEqual(
    (await presence()).sort((a, b) => b.clients - a.clients),
    [
      { peerId: at(1), clients: 2 },
      { peerId: at(2), clients: 1 },
    ],
  );
  assert.deepEqual(net.nodes[0]?.pubsub.topics('default'), [
    { pattern: 'room.*', nodes: 1 },
    { pattern: 'room.1', nodes: 2 },
  ]);
  gone.stop();
  await net.clock.advance(100);
  assert.equal((await presence()).length, 1);
});

test('a subscriber that comes back through another node has missed nothing and gets nothing twice', async () => {
  await using net = await settled(4);
  const reader = await subscribe(net, 1, 'a.*');
  const said: string[] = [];
  const say = async (i: number, topic: string) => {
    said.push(`${i} ${topic} ${said.length}`);
    await publish(net, i, topic, said.at(-1) as string);
  };
  for (let i = 0; i < 20; i++) await say(i % 2 === 0 ? 0 : 3, `a.${i % 3}`);
  await net.until(() => reader.events.length === 20);
  const openedAt = net.clock.monotonic() - 5_000;
  await net.crash(1);
  // Nobody is subscribed meanwhile, and one topic is new.
  for (let i = 0; i < 20; i++) await say(i % 2 === 0 ? 0 : 3, `a.${i % 4}`);
  await net.clock.advance(8_000);
  const events = await comeBack(net, 2, 'a.*', reader, openedAt);
  for (let i = 0; i < 5; i++) await say(0, `a.${i % 3}`);
  await net.until(() => events.length >= 25);
  await net.clock.advance(5_000);
  const got = events.map((event) => (event.type === 'message' ? text(event.data) : event.type));
  assert.deepEqual(got.toSorted(), said.slice(20).toSorted());
  for (const i of [0, 3])
    for (const topic of ['a.0', 'a.1', 'a.2', 'a.3']) {
      const of = (all: string[]) => all.filter((one) => one.startsWith(`${i} ${topic} `));
      assert.deepEqual(of(got), of(said.slice(20)), 'each publisher in its order');
    }
});

test('who was away for longer is told what it missed, although nobody publishes any more', async () => {
  await using net = await settled(3);
  const reader = await subscribe(net, 1, 'a.*');
  await publish(net, 0, 'a.0', 'heard');
  await net.until(() => reader.events.length === 1);
  const openedAt = net.clock.monotonic() - 5_000;
  await net.crash(1);
  for (const topic of ['a.0', 'a.0', 'a.1']) await publish(net, 0, topic, 'missed');
  await net.clock.advance(40_000);
  const events = await comeBack(net, 2, 'a.*', reader, openedAt);
  await net.until(() => events.length === 2);
  assert.deepEqual(
    events.map((event) => event.type === 'gap' && [event.topic, event.from, event.to]),
    [
      ['a.0', 2, 3],
      ['a.1', 1, 1],
    ],
  );
});

test('T16: who left meanwhile is not counted, and if all did the publisher is told', async () => {
  await using net = await settled(2);
  const reader = await subscribe(net, 1, 'a');
  const { pubsub } = net.nodes[0] as Testnet['nodes'][0];
  const publishing = pubsub.publish({ app: 'default', topic: 'a', data: bytes('x'), ack: 'all' });
  reader.stop();
  await assert.rejects(net.during(publishing), (error) => isP2posError(error, 'PUBSUB_NO_SUBSCRIBER'));
});

test('a signed receipt names who got it, and is refused when anything in it is changed', async () => {
  await using net = await settled(3);
  await subscribe(net, 1, 'a');
  await subscribe(net, 2, '>');
  await subscribe(net, 2, 'a');
  const { pubsub } = net.nodes[0] as Testnet['nodes'][0];
  const data = bytes('deed');
  const published = await net.during(pubsub.publish({ app: 'default', topic: 'a', data, signed: true }));
  const receipt = published.receipt as DeliveryReceipt;
  const { systemId, members } = net.snapshot.body;
  const claim = { systemId, members, epoch: 1, topic: 'a', data };
  const { message, peerIds, clients } = await verifyDelivery(receipt, claim, instantCrypto);
  assert.deepEqual([message.publisher, message.seq, clients], [net.nodes[0]?.peerId, 1, 3]);
  assert.deepEqual([...peerIds].sort(), [1, 2].map((i) => net.nodes[i]?.peerId).sort());
  const refused = (error: unknown) => isP2posError(error, 'RECEIPT_REFUSED');
  const [first, second] = receipt.statements as [DeliveryStatement, DeliveryStatement];
  for (const statements of [
    [],
    [first, first],
    [{ ...first, clients: 9 }],
    [{ ...first, at: first.at + 1 }],
    [{ ...first, peerId: second.peerId }],
  ])
    await assert.rejects(verifyDelivery({ ...receipt, statements }, claim, instantCrypto), refused);
  for (const other of [
    { ...claim, topic: 'b' },
    { ...claim, data: bytes('dead') },
    { ...claim, members: [] },
    { ...claim, systemId: `${systemId}x` },
  ])
    await assert.rejects(verifyDelivery(receipt, other, instantCrypto), refused);
});
