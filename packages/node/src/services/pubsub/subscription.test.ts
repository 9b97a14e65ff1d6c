/** One client's queue: what it keeps, what it drops, and that it counts what it drops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SlowPolicy } from '@p2pos/protocol';
import { createSubscription, type SubscriptionEvent } from './subscription.ts';

const message = (seq: number, topic = 'a', bytes = 1): SubscriptionEvent => ({
  type: 'message',
  topic,
  publisher: 'p',
  incarnation: 1,
  seq,
  at: 0,
  data: new Uint8Array(bytes),
});

function open(slow: SlowPolicy, maxMessages: number, maxBytes = 1e9) {
  const subscription = createSubscription({ slow, maxMessages, maxBytes }, () => {});
  return { subscription, next: iterate(subscription.batches) };
}

function iterate(batches: AsyncIterable<readonly SubscriptionEvent[]>) {
  const iterator = batches[Symbol.asyncIterator]();
  return async () => ((await iterator.next()) as IteratorYieldResult<readonly SubscriptionEvent[]>).value;
}

test('T17: every message that is offered is handed on or counted as missed, whichever way it is dropped', async () => {
  for (const slow of ['buffer', 'latest'] as const) {
    const { subscription, next } = open(slow, 64);
    for (let i = 1; i <= 1_000; i++) subscription.offer(message(i, `t${i % 7}`));
    const batch = await next();
    const [first, ...rest] = batch;
    assert.ok(first?.type === 'missed');
    assert.equal(first.count + rest.length, 1_000, slow);
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
