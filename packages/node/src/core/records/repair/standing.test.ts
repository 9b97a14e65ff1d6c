import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createMemoryStore } from '../../../testing/memory-store.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import type { PeerSet } from '../placement/quorum.ts';
import type { Topology } from '../placement/topology.ts';
import { openPeerMemory } from './memory.ts';
import { createStanding } from './standing.ts';

async function standingIn(...sets: PeerSet[]) {
  const store = createMemoryStore(createSeededRandom('standing'));
  const clock = createManualClock();
  const memory = await openPeerMemory({ store });
  const moves = { required: () => sets, rings: () => [{ count: 3 }], held: () => [1] };
  const topology = { moves } as unknown as Pick<Topology, 'moves'>;
  const opened = store.position();
  const standing = createStanding(
    { self: 'me', store, opened, topology, memory, clock, now: clock.now },
    { patienceMs: 1_000, maxAheadMs: 10_000 },
  );
  return { standing, clock, memory, store, opened };
}

test('it counts once a majority of every set, itself included, has heard of its disk', async () => {
  const { standing } = await standingIn(['me', 'a', 'b'], ['me', 'c', 'd']);
  assert.equal(standing.votes(1, 3), false);
  standing.learn('a', 'unknown', 0);
  assert.equal(standing.votes(1, 3), false);
  standing.learn('d', 'known', 0);
  assert.equal(standing.votes(1, 3), true);
});

test('until it counts it tells where the disk stood when the run began, and after that nothing older', async () => {
  const { standing, store, opened } = await standingIn(['me', 'a', 'b']);
  await store.write([{ sql: 'DELETE FROM repair_memory' }]);
  assert.deepEqual(standing.position(), opened);
  assert.equal(standing.claim().commits, opened.commits);
  standing.learn('a', 'known', 0);
  assert.equal(standing.claim().commits, opened.commits + 1);
  standing.learn('b', 'contradicted', 0);
  assert.equal(standing.claim().commits, opened.commits + 1);
});

test('alone it counts at once', async () => {
  const { standing } = await standingIn(['me']);
  assert.equal(standing.votes(1, 1), true);
});

test('one contradiction outweighs every other word, whenever it comes', async () => {
  const { standing } = await standingIn(['me', 'a', 'b']);
  standing.learn('a', 'known', 0);
  assert.equal(standing.votes(1, 3), true);
  standing.learn('b', 'contradicted', 4);
  assert.deepEqual([standing.state(), standing.votes(1, 3)], ['learner', false]);
  standing.learn('a', 'known', 0);
  assert.equal(standing.votes(1, 3), false);
  standing.caughtUp(1, 3);
  assert.deepEqual([standing.votes(1, 3), standing.votes(2, 3)], [true, false]);
});

test('after it has caught up it claims a term that no older copy of its disk can', async () => {
  const { standing, store } = await standingIn(['me', 'a', 'b']);
  standing.learn('b', 'contradicted', 4);
  await standing.absolve();
  assert.equal(standing.claim().term, 5);
  assert.equal(standing.votes(2, 3), true);
  assert.equal((await openPeerMemory({ store })).term, 5);
});

test('a ballot that it may have promised against before the loss never gets its vote', async () => {
  const { standing, clock, store } = await standingIn(['me', 'a', 'b']);
  standing.learn('b', 'contradicted', 0);
  standing.caughtUp(1, 3);
  const floor = clock.now() + 10_000;
  assert.equal(standing.votesOn(1, 3, floor), false);
  assert.equal(standing.votesOn(1, 3, floor + 1), true);
  await standing.absolve();
  assert.equal(standing.votesOn(1, 3, floor), false);
  // Also after a restart.
  assert.equal((await openPeerMemory({ store })).floorMs, floor);
});

test('that floor is by the true time, though it be known only later', async () => {
  const store = createMemoryStore(createSeededRandom('standing'));
  const clock = createManualClock();
  const memory = await openPeerMemory({ store });
  const topology = { moves: { required: () => [['me', 'a', 'b']] } } as unknown as Pick<Topology, 'moves'>;
  let wrongMs = -7_200_000;
  const standing = createStanding(
    {
      self: 'me',
      store,
      opened: store.position(),
      topology,
      memory,
      clock,
      now: () => clock.now() + wrongMs,
    },
    { patienceMs: 1_000, maxAheadMs: 10_000 },
  );
  const lostAt = clock.now();
  standing.learn('b', 'contradicted', 0);
  standing.caughtUp(1, 3);
  await clock.advance(5_000);
  wrongMs = 0;
  assert.equal(standing.votesOn(1, 3, lostAt + 10_000), false);
  assert.equal(standing.votesOn(1, 3, lostAt + 10_001), true);
});
