import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { createEmitter } from '../events/index.ts';
import { silentLogger } from '../log/index.ts';
import type { Connection, NetEvents } from '../net/index.ts';
import { createTaskGroup } from '../tasks/index.ts';
import { createGossip, type Rumour } from './gossip.ts';

const MEMBERS = 64;

/** One member of `MEMBERS`; `lacks` says whether the i-th target lacks all that is offered. */
async function createBench(lacks: (offer: number) => boolean = () => false, connected = MEMBERS - 1) {
  const clock = createManualClock();
  const random = createSeededRandom('gossip');
  const peers = Array.from({ length: connected }, (_, i) => `peer ${i}`);
  const offers: { readonly target: string; readonly names: readonly string[] }[] = [];
  const pushes: { readonly target: string; readonly count: number }[] = [];
  const tasks = createTaskGroup({ clock, random, log: silentLogger });
  const gossip = createGossip({
    net: {
      peerId: 'self',
      connections: () => peers.map((peerId) => ({ peerId }) as Connection),
      events: createEmitter<NetEvents>(() => {}),
    },
    isListed: () => true,
    listed: () => MEMBERS,
    clock,
    random,
    tasks,
    push: async (target, { length: count }) => void pushes.push({ target, count }),
    async offer(target, names) {
      offers.push({ target, names });
      return lacks(offers.length) ? names.map((_, place) => place) : [];
    },
  });
  const rumour = (of: number, fields: Partial<Rumour> = {}): Rumour => {
    const subject = `peer ${of}`;
    return {
      subject,
      name: `of ${of}`,
      document: new Uint8Array(1),
      from: subject,
      urgent: false,
      ...fields,
    };
  };
  return {
    gossip,
    clock,
    offers,
    pushes,
    rumour,
    async [Symbol.asyncDispose]() {
      gossip[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
}

test("a member's own heartbeat goes to 3 · log2(n) others, unasked, once", async () => {
  await using bench = await createBench();
  bench.gossip.tell(new Uint8Array(1));
  await bench.clock.advance(10_000);
  assert.equal(bench.pushes.length, 18);
  assert.equal(new Set(bench.pushes.map(({ target }) => target)).size, 18);
  assert.equal(bench.offers.length, 0);
});

test('what nobody lacks is offered to few, and never handed over', async () => {
  await using bench = await createBench();
  bench.gossip.spread(bench.rumour(0));
  await bench.clock.advance(30_000);
  assert.ok(bench.offers.length >= 3 && bench.offers.length <= 4, `${bench.offers.length}`);
  assert.equal(bench.pushes.length, 0);
});

test('what is news is handed over while it is, to log2(n) at most', async () => {
  await using bench = await createBench(() => true);
  bench.gossip.spread(bench.rumour(0));
  await bench.clock.advance(60_000);
  assert.equal(bench.pushes.length, 6);
});

test('what comes within two seconds goes on in one message', async () => {
  await using bench = await createBench(() => true);
  for (let i = 0; i < 40; i++) bench.gossip.spread(bench.rumour(i));
  await bench.clock.advance(2_500);
  assert.equal(bench.offers.length, 2);
  assert.ok(bench.offers.every(({ names }) => names.length >= 38));
  assert.ok(bench.pushes.every(({ count }) => count >= 38));
});

test('a change does not wait', async () => {
  await using bench = await createBench();
  bench.gossip.spread(bench.rumour(0));
  bench.gossip.spread(bench.rumour(1, { urgent: true }));
  await bench.clock.advance(100);
  assert.deepEqual(
    bench.offers.map(({ names }) => names),
    [['of 1'], ['of 1']],
  );
});

test('nobody is offered what it said, of itself or of another', async () => {
  await using bench = await createBench(() => false, 3);
  bench.gossip.spread(bench.rumour(0, { from: 'peer 1' }));
  await bench.clock.advance(60_000);
  assert.ok(bench.offers.length > 0);
  assert.ok(bench.offers.every(({ target }) => target === 'peer 2'));
});
