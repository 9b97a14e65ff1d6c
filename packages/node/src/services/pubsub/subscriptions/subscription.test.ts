/** One client's queue: what it keeps, what it drops, and that it counts what it drops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SlowPolicy } from '@p2pos/protocol';
import { type Budget, createBudget } from './budget.ts';
import { createSubscription, type SubscriptionEvent, waitingOf } from './subscription.ts';

const message = (seq: number, topic = 'a', bytes = 1): SubscriptionEvent => ({
  type: 'message',
  topic,
  publisher: 'p',
  incarnation: 1,
  seq,
  at: 0,
  data: new Uint8Array(bytes),
});

const plenty = () => createBudget({ maxBytes: 1e9, maxBytesPerApp: 1e9 });

function open(
  slow: SlowPolicy,
  maxMessages: number,
  {
    maxBytes = 1e9,
    budget = plenty(),
    app = 'app',
  }: { maxBytes?: number; budget?: Budget; app?: string } = {},
) {
  let dropped = 0;
  const one = createSubscription(
    (queue) => budget.share(app, queue),
    { slow, maxMessages, maxBytes },
    {
      onDropped: (count) => {
        dropped += count;
      },
    },
  );
  const subscription = { ...one, offer: (event: SubscriptionEvent) => one.offer(waitingOf(event)) };
  return { one, subscription, next: iterate(one.batches), dropped: () => dropped };
}

function iterate(batches: AsyncIterable<readonly SubscriptionEvent[]>) {
  const iterator = batches[Symbol.asyncIterator]();
  return async () => ((await iterator.next()) as IteratorYieldResult<readonly SubscriptionEvent[]>).value;
}

test('T17: every message that is offered is handed on or counted as missed, whichever way it is dropped', async () => {
  for (const slow of ['buffer', 'latest'] as const) {
    const { subscription, next, dropped } = open(slow, 64);
    for (let i = 1; i <= 1_000; i++) subscription.offer(message(i, `t${i % 7}`));
    const untold = dropped();
    const batch = await next();
    const [first, ...rest] = batch;
    assert.ok(first?.type === 'missed');
    assert.equal(first.count + rest.length, 1_000, slow);
    assert.equal(untold, first.count, 'counted before it is told');
    const seqs = rest.map((event) => (event.type === 'message' ? event.seq : 0));
    assert.deepEqual(
      seqs,
      seqs.toSorted((a, b) => a - b),
    );
    assert.equal(seqs.at(-1), 1_000);
  }
});

test('latest keeps the newest of each topic when it runs over', async () => {
  const { subscription, next } = open('latest', 64);
  subscription.offer(message(1, 'rare'));
  for (let i = 2; i <= 500; i++) subscription.offer(message(i, 'busy'));
  const batch = await next();
  assert.ok(batch.some((event) => event.type === 'message' && event.topic === 'rare'));
});

test('a gap that is dropped is counted with what it stood for', async () => {
  const { subscription, next } = open('buffer', 2);
  subscription.offer({ type: 'gap', topic: 'a', publisher: 'p', incarnation: 1, from: 1, to: 5 });
  for (const seq of [6, 7]) subscription.offer(message(seq));
  assert.deepEqual((await next())[0], { type: 'missed', count: 5 });
});

test('what was handed on is let go, however large', async () => {
  const { subscription, next } = open('buffer', 8_192);
  const refs: WeakRef<object>[] = [];
  for (let i = 1; i <= 20; i++) {
    const event = message(i, 'a', 300_000);
    refs.push(new WeakRef(event));
    subscription.offer(event);
    if (i > 1) await next();
  }
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  await new Promise((resolve) => setImmediate(resolve));
  (runInNewContext('gc') as () => void)();
  assert.ok(refs.filter((ref) => ref.deref()).length <= 4);
});

test('however many queues nobody reads, together they hold what one app and all apps may, and others still get theirs', async () => {
  const budget = createBudget({ maxBytes: 16e6, maxBytesPerApp: 4e6 });
  for (const slow of ['buffer', 'latest'] as const) {
    const ends = [];
    for (let app = 0; app < 8; app++)
      for (let i = 0; i < 40; i++) {
        const { subscription } = open(slow, 8_192, { maxBytes: 1e6, budget, app: `${slow} ${app}` });
        ends.push(subscription.end);
        for (let seq = 1; seq <= 10; seq++) subscription.offer(message(seq, `t${i}`, 100_000));
        if (app === 0) assert.ok(budget.bytes <= 4e6, `${budget.bytes}`);
      }
    assert.ok(budget.bytes <= 16e6 && budget.bytes > 8e6, `${budget.bytes}`);
    const quick = open(slow, 8_192, { maxBytes: 1e6, budget, app: 'quick' });
    for (let seq = 1; seq <= 60; seq++) {
      quick.subscription.offer(message(seq, 'a', 100_000));
      assert.equal((await quick.next())[0]?.type, 'message');
    }
    quick.subscription.end();
    for (const end of ends) end();
    assert.equal(budget.bytes, 0, slow);
  }
});

test('whoever reads gets its messages, although others of its app fill what the app may hold', async () => {
  const budget = createBudget({ maxBytes: 1e9, maxBytesPerApp: 1e6 });
  for (let i = 0; i < 200; i++)
    open('buffer', 64, { budget }).subscription.offer(message(1, `t${i}`, 10_000));
  const quick = open('buffer', 64, { budget });
  for (let seq = 1; seq <= 100; seq++) {
    quick.subscription.offer(message(seq, 'a', 10_000));
    assert.equal((await quick.next())[0]?.type, 'message');
  }
});

test('what finds no room is counted as missed, and ends a subscription that is to be ended', async () => {
  const budget = createBudget({ maxBytes: 1e6, maxBytesPerApp: 1e6 });
  const stalled = ['a', 'b', 'c'].map((topic) => {
    const { subscription } = open('buffer', 64, { budget });
    for (let seq = 1; seq <= 5; seq++) subscription.offer(message(seq, topic, 240_000));
    return subscription;
  });
  const buffer = open('buffer', 64, { budget });
  buffer.subscription.offer(message(1, 'd', 900_000));
  assert.deepEqual(await buffer.next(), [{ type: 'missed', count: 1 }]);
  const disconnect = open('disconnect', 64, { budget });
  assert.equal(disconnect.subscription.offer(message(1, 'd', 900_000)), false);
  await assert.rejects(disconnect.next(), { code: 'PUBSUB_TOO_SLOW' });
  for (const one of [...stalled, buffer.subscription]) one.end();
  assert.equal(budget.bytes, 0);
});

test('what clients have in hand elsewhere keeps nobody from what is published, nor do full queues keep them from more', async () => {
  const budget = createBudget({ maxBytes: 10e6, maxBytesPerApp: 10e6 });
  const slow = open('buffer', 64, { budget });
  for (let seq = 1; seq <= 20; seq++) slow.subscription.offer(message(seq, 'a', 1e6));
  const hands = budget.share('app');
  const inHand = () => ({ buffer: new ArrayBuffer(500_000), holders: 0 });
  for (let i = 0; i < 9; i++) {
    hands.add(inHand());
    hands.relieve();
    assert.equal(hands.isFull(), false);
  }
  for (let i = 0; i < 3; i++) hands.add(inHand());
  hands.relieve();
  assert.equal(hands.isFull(), true);
  const quick = open('buffer', 64, { budget });
  for (let seq = 1; seq <= 20; seq++) {
    quick.subscription.offer(message(seq, 'b', 1e6));
    assert.equal((await quick.next())[0]?.type, 'message');
  }
  assert.ok(budget.bytes <= 10e6, `${budget.bytes}`);
});

test('a message in many queues is counted once, until the last has handed it on and is asked for more', async () => {
  const budget = createBudget({ maxBytes: 4e6, maxBytesPerApp: 4e6 });
  const readers = Array.from({ length: 100 }, () => open('buffer', 64, { budget }));
  const waiting = waitingOf(message(1, 'a', 1e6));
  for (const { one } of readers) assert.ok(one.offer(waiting));
  assert.ok(budget.bytes < 1.01e6, `${budget.bytes}`);
  for (const { next } of readers) assert.equal((await next())[0]?.type, 'message');
  assert.ok(budget.bytes > 1e6, 'whoever stalls with it in hand still holds it');
  for (const { next } of readers) void next();
  assert.equal(budget.bytes, 0);
});

test('a small part of a large buffer weighs what it keeps', () => {
  const budget = createBudget({ maxBytes: 1e6, maxBytesPerApp: 1e6 });
  const { subscription } = open('buffer', 8_192, { budget });
  for (let seq = 1; seq <= 10; seq++) {
    const data = new Uint8Array(300_000).subarray(0, 1);
    subscription.offer({ ...message(seq), data } as SubscriptionEvent);
  }
  assert.ok(budget.bytes <= 1e6 && budget.bytes > 3e5, `${budget.bytes}`);
});

test('what clients that stall have in hand cannot be taken back, so no more is kept; another app still gets its messages', async () => {
  const budget = createBudget({ maxBytes: 20e6, maxBytesPerApp: 15e6 });
  for (let i = 0; i < 100; i++) {
    const { subscription, next } = open('buffer', 64, { budget, app: `stalled ${i % 4}` });
    subscription.offer(message(1, `t${i}`, 500_000));
    await next();
  }
  assert.ok(budget.bytes < 22e6, `${budget.bytes}`);
  const { subscription, next } = open('buffer', 64, { budget, app: 'other' });
  subscription.offer(message(1, 'a', 900_000));
  assert.equal((await next())[0]?.type, 'message');
});
