/** Pub/sub between real processes: receipts, wildcards, a node killed under a subscriber and under a publisher. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PubsubEvent } from '@p2pos/sdk';
import { WebSocket } from 'ws';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { type DevSystem, shareDev, startDev } from './harness.ts';

const system = shareDev({ nodes: 3 });

function follow(dev: DevSystem, nodes: readonly number[], topic: string) {
  const client = dev.client(...nodes);
  const end = new AbortController();
  const events: PubsubEvent[] = [];
  const done = (async () => {
    for await (const event of client.pubsub.subscribe(topic, { signal: end.signal })) events.push(event);
  })();
  return {
    events,
    texts: () => events.flatMap((event) => (event.type === 'message' ? [event.text()] : [])),
    opened: () => eventually(() => events.some(({ type }) => type === 'open')),
    async [Symbol.asyncDispose]() {
      end.abort();
      await done;
      await client.close();
    },
  };
}

test('messages reach every subscriber on other nodes at once, and the receipt counts them', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 3 });
  await using one = follow(dev, [1], 'orders.*');
  await using two = follow(dev, [2], '>');
  await one.opened();
  await two.opened();
  await using publisher = dev.client(0);
  const texts = Array.from({ length: 300 }, (_, i) => `order ${i}`);
  for (const text of texts.slice(0, 299)) await publisher.pubsub.publish('orders.new', text);
  const receipt = await publisher.pubsub.publish('orders.new', 'order 299', { ack: 'all' });
  assert.deepEqual([receipt.subscribers, receipt.clients], [2, 2]);
  await eventually(() => one.texts().length === 300 && two.texts().length === 300);
  assert.deepEqual(one.texts(), texts);
  assert.deepEqual(two.texts(), texts);
  assert.deepEqual(
    (await publisher.pubsub.topics()).map(({ pattern }) => pattern),
    ['>', 'orders.*'],
  );
  assert.equal((await publisher.pubsub.presence('orders.new')).nodes.length, 2);
  await assert.rejects(dev.client(0).pubsub.publish('x', '1'.repeat(1_048_577)), {
    code: 'PUBSUB_MESSAGE_TOO_LARGE',
  });
});

test('p2pctl publishes and subscribes', { timeout: 300_000 }, async () => {
  const dev = await system();
  const nobody = await dev.p2pctl('pubsub', 'publish', 'a.b', 'hello');
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /Nobody is subscribed to a\.b/);
  const listening = dev.p2pctl('pubsub', 'subscribe', 'a.>', '--for', '6s', '--node', '1');
  await eventually(async () => (await dev.p2pctl('pubsub', 'publish', 'a.b', 'hello')).code === 0);
  const heard = await listening;
  assert.equal(heard.code, 0, heard.stderr);
  assert.match(heard.stdout, /a\.b hello/);
});

test('a subscriber whose node is killed goes on when it is back, and is told what it lost', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  await using reader = follow(dev, [1], 'a');
  await reader.opened();
  await using publisher = dev.client(0);
  for (let i = 0; i < 20; i++) await publisher.pubsub.publish('a', `${i}`, { ack: 'all' });
  dev.kill(1);
  for (let i = 20; i < 40; i++) await publisher.pubsub.publish('a', `${i}`);
  await eventually(() => reader.events.filter(({ type }) => type === 'open').length === 2, {
    timeoutMs: 20_000,
  });
  // Until the publisher's node has heard of the new process, what it publishes is confirmed by nobody.
  await using later = follow(dev, [1], 'ready');
  await later.opened();
  await eventually(() => publisher.pubsub.publish('ready', '', { ack: 'all' }));
  for (let i = 40; i < 60; i++) await publisher.pubsub.publish('a', `${i}`, { ack: 'all' });
  await eventually(() => reader.texts().at(-1) === '59');
  const had = new Set(reader.texts());
  assert.equal(had.size, reader.texts().length, 'nothing twice');
  const lost = reader.events.flatMap((event) =>
    event.type === 'gap'
      ? Array.from({ length: event.to - event.from + 1 }, (_, i) => `${event.from + i - 1}`)
      : [],
  );
  assert.equal(had.size + lost.length, 60, 'what is not there was told');
  for (const number of lost) assert.ok(!had.has(number));
});

test('subscribe on node4, publish on node0 the moment it returns; a mebibyte passes and one byte more does not', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 5 });
  await using publisher = dev.client(0);
  for (let i = 0; i < 5; i++) {
    await using reader = follow(dev, [4], `now.${i}`);
    await reader.opened();
    await publisher.pubsub.publish(`now.${i}`, 'at once');
    await eventually(() => reader.texts().length === 1);
  }
  await using one = follow(dev, [4], 'big');
  await using two = follow(dev, [3], '>');
  await one.opened();
  await two.opened();
  const whole = new Uint8Array(1_048_576).fill(7);
  const receipt = await publisher.pubsub.publish('big', whole, { ack: 'all' });
  assert.equal(receipt.subscribers, 2);
  await assert.rejects(publisher.pubsub.publish('big', new Uint8Array(1_048_577)), {
    code: 'PUBSUB_MESSAGE_TOO_LARGE',
  });
  await publisher.pubsub.publish('big', 'after', { ack: 'all' });
  await eventually(() => one.texts().length === 2 && two.texts().at(-1) === 'after');
  assert.equal(one.texts()[0]?.length, 1_048_576);
  // Signed by both, verified without asking anyone.
  const file = join(dev.home, 'delivery.json');
  const said = await dev.p2pctl('pubsub', 'publish', 'big', 'deed', '--ack', 'all', '--receipt', file);
  assert.equal(said.code, 0, said.stderr);
  const verified = await dev.p2pctl('receipt', 'verify', file);
  assert.match(
    verified.stdout,
    /^valid: 2 node\(s\) had 4 bytes published to big for 2 client\(s\)/,
    verified.stderr,
  );
});

test('T17: a WebSocket client that reads next to nothing costs its node little, is told what it missed, and ends nobody else', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 2 });
  const { http, pid } = dev.node(1);
  const headers = { authorization: `Bearer ${dev.token(1)}` };
  const slow = new WebSocket(`${http.replace('http', 'ws')}/v1/ws`, { headers });
  const heard: { readonly type: string; readonly count?: number }[] = [];
  slow.on('message', (data) => heard.push(JSON.parse(String(data)) as (typeof heard)[0]));
  await once(slow, 'open');
  slow.send(JSON.stringify({ op: 'subscribe', id: 1, kind: 'pubsub', topic: 'flood' }));
  await eventually(() => heard.some(({ type }) => type === 'open'));
  slow.pause();
  await using quick = follow(dev, [1], 'flood');
  await quick.opened();
  await using publisher = dev.client(0);
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
  const before = rss();
  const data = 'x'.repeat(16_384);
  const total = 15_000;
  let read = 0;
  const readTo = (wanted: number) =>
    eventually(
      () => {
        for (const { type } of quick.events.splice(0)) if (type === 'message') read++;
        return read >= wanted;
      },
      { timeoutMs: 60_000, everyMs: 5 },
    );
  for (let i = 0; i < total; i += 100) {
    await Promise.all(Array.from({ length: 100 }, () => publisher.pubsub.publish('flood', data)));
    // Who reads is not slow, whatever else the machine does.
    await readTo(i - 300);
  }
  await readTo(total);
  const grown = rss() - before;
  assert.ok(grown < 200, `${grown.toFixed(0)} MiB more for 234 MiB that one client does not read`);
  slow.resume();
  await eventually(() => heard.some(({ type }) => type === 'missed'), { timeoutMs: 60_000 });
  await eventually(() => {
    const missed = heard.reduce((sum, { count = 0 }) => sum + count, 0);
    return missed + heard.filter(({ type }) => type === 'message').length === total;
  });
  // Who goes without a word is nobody's subscriber.
  const clients = async () => (await publisher.pubsub.presence('flood')).nodes.map((one) => one.clients);
  assert.deepEqual(await clients(), [2]);
  slow.terminate();
  await eventually(async () => assert.deepEqual(await clients(), [1]));
});
