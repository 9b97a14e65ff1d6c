/** Twenty whole nodes: five are killed and come back, the network is cut in two for twenty seconds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestnet } from '../../testing/testnet.ts';
import type { SubscriptionEvent } from './subscriptions/subscription.ts';

const NODES = 20;
const KILLED = [3, 7, 11, 15, 19];
const APP = 'default';

test('who stays linked to the publisher misses nothing, the others are told what they lack', async () => {
  await using net = await createTestnet(NODES, {
    slots: 64,
    pingIntervalMs: 5_000,
    presenceIntervalMs: 120_000,
  });
  await net.settle();
  const events = new Map<number, SubscriptionEvent[]>();
  const follow = async (i: number) => {
    const { pubsub } = net.nodes[i] as (typeof net.nodes)[0];
    const { batches } = await net.during(pubsub.subscribe({ app: APP, topic: 'a.>' }));
    const list: SubscriptionEvent[] = [];
    events.set(i, list);
    void (async () => {
      for await (const batch of batches) list.push(...batch);
    })();
  };
  for (let i = 1; i < NODES; i++) await follow(i);
  let said = 0;
  const sayFor = async (seconds: number, i = 0) => {
    for (let n = 0; n < seconds * 5; n++) {
      const data = new TextEncoder().encode(`${i} ${said++}`);
      void net.nodes[i]?.pubsub.publish({ app: APP, topic: 'a.b', data });
      await net.clock.advance(200);
    }
  };
  await sayFor(3);
  for (const i of KILLED) await net.crash(i);
  await sayFor(5);
  for (const i of KILLED) await net.start(i);
  await net.settle();
  for (const i of KILLED) await follow(i);
  // One of those that came back publishes too, under a new incarnation.
  await sayFor(1, 3);
  const half = Array.from({ length: NODES }, (_, i) => i);
  net.partition(
    half.filter((i) => i < 10),
    half.filter((i) => i >= 10),
  );
  await sayFor(20);
  net.heal();
  await sayFor(3);
  const stayed = half.filter((i) => i > 0 && !KILLED.includes(i));
  await net.until(() => stayed.every((i) => (events.get(i)?.length ?? 0) >= said));
  await net.clock.advance(5_000);
  for (const i of half.slice(1)) {
    const list = events.get(i) ?? [];
    const seqs = new Map<string, number>();
    for (const event of list) {
      assert.equal(event.type, 'message', `node${i} is told of a gap although it could reach the publisher`);
      if (event.type !== 'message') continue;
      const source = `${event.publisher}/${event.incarnation}`;
      const before = seqs.get(source);
      if (before !== undefined) assert.equal(event.seq, before + 1, `node${i}`);
      seqs.set(source, event.seq);
    }
    if (stayed.includes(i)) assert.equal(list.length, said, `node${i} has all, once`);
    else assert.ok(list.length >= 24 * 5, `node${i} has what was published since it came back`);
  }
});
