/**
 * Real nodes, each in a network namespace of its own with a subscriber beside it: ten of them, or twenty with
 * `P2POS_PUBSUB_NODES=20` (twenty in one process: `services/pubsub/twenty.test.ts`). A quarter is killed −9 and started
 * again, then the network is cut in two for twenty seconds. A program counts what was lost, came twice or out of order.
 * Needs root, `ip` and `nft`.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startMachinesSystem } from '../chaos/machines-system.ts';
import { missingForNamespaces } from '../namespaces/spaces.ts';
import { judgeDeliveries, type Subscriber, type Taken, type Told } from '../pubsub/judge.ts';

const NODES = Number(process.env['P2POS_PUBSUB_NODES'] ?? 10);
const SUBSCRIBER = join(import.meta.dirname, '../pubsub/subscriber.ts');
const PUBLISHER = join(import.meta.dirname, '../pubsub/publisher.ts');
const skip = missingForNamespaces() ?? false;
const seconds = (count: number) => new Promise((resolve) => setTimeout(resolve, count * 1_000));

test('a quarter of the nodes is killed, the network is cut in two for twenty seconds', {
  skip,
  timeout: 1_200_000,
}, async (t) => {
  await using system = await startMachinesSystem(NODES, { patienceMs: 240_000 });
  await system.settle();
  const all = Array.from({ length: NODES }, (_, i) => i);
  // Of the killed ones one publishes.
  const killed = all
    .slice(2)
    .map((i) => ({ i, dice: Math.random() }))
    .sort((a, b) => a.dice - b.dice)
    .slice(0, Math.floor(NODES / 4))
    .map(({ i }) => i);
  const mortal = killed[0] as number;
  const following = all
    .slice(1)
    .map((i) => ({ i, client: system.startClient<Told>(i, SUBSCRIBER, { pattern: 'shot.>' }) }));
  await seconds(5);
  const publishers = [
    system.startClient<Taken>(0, PUBLISHER, { topic: 'shot.0', name: 'steady', perSecond: 40 }),
    system.startClient<Taken>(mortal, PUBLISHER, { topic: 'shot.1', name: 'mortal', perSecond: 20 }),
  ];
  await seconds(5);
  for (const i of killed) system.kill(i);
  await seconds(4);
  for (const i of killed) system.start(i);
  await system.settle();
  await seconds(3);
  const half = all.filter((i) => i % 2 === 0);
  for (const a of half)
    for (const b of all.filter((i) => i % 2 === 1)) {
      system.machines.cut(a, b);
      system.machines.cut(b, a);
    }
  await seconds(20);
  system.machines.heal();
  await seconds(15);
  const taken = (await Promise.all(publishers.map((publisher) => publisher.end()))).flat();
  // The last of it is under way; who was cut off may still be finding its way back.
  await system.settle();
  await seconds(10);
  const told = await Promise.all(following.map(({ client }) => client.end()));

  const sources = [...new Set(taken.map(({ source }) => source))];
  const steady = sources.filter((one) =>
    taken.some(({ source, text }) => source === one && /^st/.test(text)),
  );
  const lives = sources.filter((one) => !steady.includes(one));
  assert.equal(steady.length, 1);
  assert.equal(lives.length, 2, 'who was killed goes on under a new incarnation');
  const incarnations = lives.map((one) => Number(one.split('/')[1]));
  assert.ok((incarnations[1] as number) > (incarnations[0] as number));
  const subscribers = following.map(({ i }, n): Subscriber => {
    const stayed = !killed.includes(i) && half.includes(i);
    const reached = [...steady, ...lives.slice(1)].filter((one) => i !== mortal || !lives.includes(one));
    return { name: `node${i}`, told: told[n] ?? [], near: stayed ? steady : [], reached };
  });
  const { violations, received, gaps } = judgeDeliveries(taken, subscribers);
  t.diagnostic(
    `${NODES} nodes, killed ${killed.join(', ')}: ${taken.length} published, ${received} received, ${gaps} told as lost`,
  );
  assert.deepEqual(violations.slice(0, 10), []);
  assert.ok(taken.length > 500 && received > taken.length * NODES * 0.5, `${taken.length}, ${received}`);
  for (const { name, near, told: events } of subscribers)
    if (near.length > 0)
      assert.equal(events.filter(({ type }) => type === 'open').length, 1, `${name} was never cut off`);
});

test('the judge finds what is lost, comes twice, comes late or is another', () => {
  const taken = [1, 2, 3, 4].map((seq) => ({ source: 'p/1', topic: 'a', seq, text: `t${seq}` }));
  const message = (seq: number, text = `t${seq}`): Told => {
    return { type: 'message', source: 'p/1', topic: 'a', from: seq, to: seq, text };
  };
  const gap: Told = { type: 'gap', source: 'p/1', topic: 'a', from: 2, to: 3 };
  const judged = (told: readonly Told[], near = ['p/1'], reached = ['p/1']) =>
    judgeDeliveries(taken, [{ name: 'n', told, near, reached }]).violations.join('\n');
  assert.equal(judged([1, 2, 3, 4].map((seq) => message(seq))), '');
  assert.equal(judged([message(1), gap, message(4)], []), '');
  assert.match(judged([message(1), gap, message(4)]), /lost on a link that held/);
  assert.match(judged([message(1), message(3), message(4)]), /nothing was said of 2-2/);
  assert.match(judged([message(1), message(2), message(2)]), /message 2 after 2[\s\S]*came twice/);
  assert.match(judged([message(1), message(2), message(1)]), /message 1 after 2/);
  assert.match(judged([message(1), message(2, 'other')]), /was "t2" and came as "other"/);
  assert.match(judged([message(1), message(2)]), /ends at 2 of 4/);
  assert.equal(judged([message(1), message(2)], [], []), '');
  assert.match(judged([{ type: 'missed' }]), /too slow/);
});
