import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { createManualClock } from '../../../../testing/manual-clock.ts';
import { createMemoryDisk, createMemoryStore } from '../../../../testing/memory-store.ts';
import { createSeededRandom } from '../../../../testing/seeded-random.ts';
import { storeThrough } from '../../../../testing/store-through.ts';
import type { PeerSet } from '../../placement/quorum.ts';
import type { Topology } from '../../placement/topology.ts';
import { MIGRATIONS, openPeerMemory, type Verdict } from './memory.ts';
import { createStanding, type Word } from './standing.ts';

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

/** What a peer says whose own disk is not new. */
const word = (verdict: Verdict, term = 0): Word => ({ verdict, claimed: term, term, sure: true });
const unsure: Word = { ...word('unknown'), sure: false };

test('it counts once a majority of every set, itself included, has heard of its disk', async () => {
  const { standing } = await standingIn(['me', 'a', 'b'], ['me', 'c', 'd']);
  assert.equal(standing.votes(1, 3), false);
  standing.learn('a', word('unknown'));
  assert.equal(standing.votes(1, 3), false);
  standing.learn('d', word('known'));
  assert.equal(standing.votes(1, 3), true);
});

test('to a disk that never counted those who have not either say nothing, unless they are all', async () => {
  const { standing, memory } = await standingIn(['me', 'a', 'b']);
  standing.learn('a', unsure);
  assert.equal(standing.votes(1, 3), false);
  await standing.establish();
  assert.deepEqual([memory.established, standing.isSure(), standing.state()], [false, false, 'unproven']);
  // That it was known the second time proves nothing either.
  standing.learn('a', { ...unsure, verdict: 'known' });
  assert.equal(standing.votes(1, 3), false);
  standing.learn('b', unsure);
  assert.equal(standing.votes(1, 3), true);
  await standing.establish();
  assert.deepEqual([standing.isSure(), standing.state()], [true, 'voter']);
});

test('a disk that has counted needs the word of a majority alone, whatever that is worth', async () => {
  const { standing, memory } = await standingIn(['me', 'a', 'b']);
  await memory.saveSelf(0, 0);
  assert.equal(standing.votes(1, 3), false);
  standing.learn('a', unsure);
  assert.deepEqual([standing.votes(1, 3), standing.state()], [true, 'voter']);
  standing.learn('b', word('contradicted'));
  assert.equal(standing.isSure(), false);
});

test('a disk of before that was remembered is one that remembers others', async () => {
  const store = createMemoryStore(createSeededRandom('standing'));
  assert.equal((await openPeerMemory({ store })).established, false);
  const disk = createMemoryDisk(createSeededRandom('older'));
  const older = disk.open();
  await older.migrate('records_repair', MIGRATIONS.slice(0, 1));
  await older.write([{ sql: "INSERT INTO repair_memory VALUES ('a', 's', 0, 1)", params: [] }]);
  assert.equal((await openPeerMemory({ store: older })).established, true);
});

test('until it counts it tells where the disk stood when the run began, and after that nothing older', async () => {
  const { standing, store, opened } = await standingIn(['me', 'a', 'b']);
  await store.write([{ sql: 'DELETE FROM repair_memory' }]);
  assert.deepEqual(standing.position(), opened);
  assert.equal(standing.claim('b').commits, opened.commits);
  standing.learn('a', word('known'));
  assert.equal(standing.claim('b').commits, opened.commits + 1);
  standing.learn('b', word('contradicted'));
  assert.equal(standing.claim('b').commits, opened.commits + 1);
});

test('a claim that a heartbeat of the same run has overtaken contradicts nothing', async () => {
  const { standing, store, opened } = await standingIn(['me', 'a', 'b']);
  standing.claim('b');
  standing.learn('a', word('known'));
  await standing.establish();
  await store.write([{ sql: 'DELETE FROM repair_memory' }]);
  const told = { ...standing.position(), term: 0 };
  assert.ok(told.commits > opened.commits);
  standing.learn('b', { ...word('contradicted'), remembered: told });
  assert.equal(standing.state(), 'voter');
  standing.learn('b', { ...word('contradicted'), remembered: { ...told, commits: told.commits + 1 } });
  assert.equal(standing.state(), 'learner');
});

test('who was contradicted stays a learner over a restart, however much it commits meanwhile', async () => {
  const { standing, store, clock } = await standingIn(['me', 'a', 'b']);
  standing.learn('a', word('contradicted'));
  const again = async () => {
    const memory = await openPeerMemory({ store });
    const topology = { moves: { required: () => [['me', 'a', 'b']] } } as unknown as Pick<Topology, 'moves'>;
    return createStanding(
      { self: 'me', store, opened: store.position(), topology, memory, clock, now: clock.now },
      { patienceMs: 1_000, maxAheadMs: 10_000 },
    );
  };
  const next = await again();
  const known = { ...word('known'), claimed: 9 };
  next.learn('a', known);
  next.learn('b', known);
  assert.deepEqual([next.state(), next.votes(1, 3)], ['learner', false]);
  assert.equal(next.votesOn(1, 3, clock.now()), false);
  await next.absolve();
  const last = await again();
  last.learn('a', known);
  assert.equal(last.state(), 'voter');
});

test('alone it counts at once', async () => {
  const { standing } = await standingIn(['me']);
  assert.equal(standing.votes(1, 1), true);
});

test('one contradiction outweighs every other word, whenever it comes', async () => {
  const { standing } = await standingIn(['me', 'a', 'b']);
  standing.learn('a', word('known'));
  assert.equal(standing.votes(1, 3), true);
  standing.learn('b', word('contradicted', 4));
  assert.deepEqual([standing.state(), standing.votes(1, 3)], ['learner', false]);
  standing.learn('a', word('known'));
  assert.equal(standing.votes(1, 3), false);
  await standing.caughtUp([{ slot: 1, count: 3 }]);
  assert.deepEqual([standing.votes(1, 3), standing.votes(2, 3)], [true, false]);
});

test('after it has caught up it claims a term that no older copy of its disk can', async () => {
  const { standing, store } = await standingIn(['me', 'a', 'b']);
  standing.learn('b', word('contradicted', 4));
  await standing.absolve();
  assert.equal(standing.claim('b').term, 5);
  assert.equal(standing.votes(2, 3), true);
  assert.equal((await openPeerMemory({ store })).term, 5);
});

test('what is said of a claim from before it caught up contradicts nothing, and vouches for nothing', async () => {
  const { standing, store, memory } = await standingIn(['me', 'a', 'b']);
  const remembered = { storeId: store.storeId, term: 0, commits: 1_000 };
  standing.learn('a', { ...word('contradicted'), remembered });
  await standing.absolve();
  standing.learn('b', { ...word('contradicted'), remembered });
  assert.deepEqual([standing.state(), standing.isVouched('b')], ['voter', false]);
  // Of the claim that it makes now it counts.
  standing.learn('b', { ...word('contradicted', 1), remembered: { ...remembered, term: memory.term } });
  assert.equal(standing.state(), 'learner');
});

test('a ballot that it may have promised against before the loss never gets its vote', async () => {
  const { standing, clock, store } = await standingIn(['me', 'a', 'b']);
  standing.learn('b', word('contradicted'));
  await standing.caughtUp([{ slot: 1, count: 3 }]);
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
  standing.learn('b', word('contradicted'));
  await standing.caughtUp([{ slot: 1, count: 3 }]);
  await clock.advance(5_000);
  wrongMs = 0;
  assert.equal(standing.votesOn(1, 3, lostAt + 10_000), false);
  assert.equal(standing.votesOn(1, 3, lostAt + 10_001), true);
});

test('who has vouched for the disk hears how far it comes, though it does not count yet', async () => {
  const { standing, store, opened } = await standingIn(['me', 'a', 'b', 'c', 'd']);
  await store.write([{ sql: 'DELETE FROM repair_memory' }]);
  standing.learn('a', word('known'));
  assert.equal(standing.claim('a').commits, opened.commits + 1);
  assert.equal(standing.claim('b').commits, opened.commits);
  assert.deepEqual(standing.position(), opened);
});

test('what another was told by this run is one of the very positions that it was told', async () => {
  const { standing, store, opened } = await standingIn(['me', 'a', 'b']);
  standing.claim('b');
  standing.learn('a', word('known'));
  for (let i = 0; i < 5; i++) await store.write([{ sql: 'DELETE FROM repair_memory' }]);
  standing.position();
  const remembered = { storeId: opened.storeId, term: 0, commits: opened.commits + 3 };
  standing.learn('b', { ...word('contradicted'), remembered });
  assert.equal(standing.state(), 'learner');
});

test('a contradiction that the disk had no room for is kept before it catches up', async () => {
  const store = createMemoryStore(createSeededRandom('standing'));
  let full = false;
  const failing = storeThrough(store, {
    write: (statements) =>
      full ? Promise.reject(new P2posError('STORE_FULL', { maxBytes: 0 })) : store.write(statements),
  });
  const memory = await openPeerMemory({ store: failing });
  full = true;
  await assert.rejects(memory.saveLearner(1, []), { code: 'STORE_FULL' });
  full = false;
  await memory.saveLearner(1, []);
  assert.equal((await openPeerMemory({ store })).learner, true);
});

test('whose word is needed anew does not count before it is given', async () => {
  const { standing } = await standingIn(['me', 'a', 'b']);
  standing.learn('a', word('known'));
  assert.equal(standing.votes(1, 3), true);
  standing.doubt();
  assert.equal(standing.votes(1, 3), false);
  standing.learn('b', word('contradicted'));
  assert.equal(standing.state(), 'learner');
});

test('in what a learner has caught up it counts after a restart too, once its disk is known', async () => {
  const { standing, store, clock } = await standingIn(['me', 'a', 'b']);
  standing.learn('a', { ...word('contradicted'), remembered: { storeId: 's', term: 0, commits: 9 } });
  await standing.mark();
  await standing.caughtUp([{ slot: 1, count: 3 }]);
  assert.equal(standing.claim('a').term, 1);
  const next = createStanding(
    {
      self: 'me',
      store,
      opened: store.position(),
      topology: { moves: { required: () => [['me', 'a', 'b']], rings: () => [], held: () => [] } } as never,
      memory: await openPeerMemory({ store }),
      clock,
      now: clock.now,
    },
    { patienceMs: 1_000, maxAheadMs: 10_000 },
  );
  assert.deepEqual(
    [next.state(), next.votes(1, 3), next.isLost(1, 3), next.isCaughtUp(1, 3)],
    ['learner', false, false, true],
  );
  next.learn('a', word('known', 1));
  assert.deepEqual([next.votes(1, 3), next.votes(2, 3), next.isLost(2, 3)], [true, false, true]);
  // An older copy of it, from before more was caught up, is none of that.
  next.learn('a', {
    ...word('contradicted', 1),
    remembered: { storeId: store.storeId, term: 1, commits: 99 },
  });
  assert.deepEqual([next.votes(1, 3), next.isCaughtUp(1, 3)], [false, false]);
});

test('what is said of a claim from before the disk was contradicted vouches for nothing', async () => {
  const { standing, memory } = await standingIn(['me', 'a', 'b']);
  standing.learn('a', word('contradicted'));
  await standing.mark();
  standing.learn('b', word('known', 0));
  assert.equal(standing.isVouched('b'), false);
  standing.learn('b', { ...word('known'), claimed: memory.term });
  assert.equal(standing.isVouched('b'), true);
});

test('what speaks against the disk while it is written down as caught up is not overlooked', async () => {
  const { standing, memory, store } = await standingIn(['me', 'a', 'b']);
  standing.learn('a', word('contradicted'));
  await standing.mark();
  const absolved = standing.absolve();
  standing.learn('b', word('contradicted', memory.term));
  await absolved;
  assert.deepEqual([standing.state(), standing.votes(1, 3)], ['learner', false]);
  await standing.mark();
  assert.equal((await openPeerMemory({ store })).learner, true);
});

test('where it has yet to come back it does not count, nor after a restart, and has lost nothing', async () => {
  const { standing, store, memory } = await standingIn(['me', 'a', 'b']);
  standing.learn('a', word('known'));
  const back = [1, 2].map((slot) => ({ slot, count: 3, epoch: 7 }));
  standing.returns.suspend();
  await memory.saveAbsences(['x'], back);
  standing.returns.expect(back);
  standing.learn('a', word('known'));
  const told = () => [1, 2, 3].map((slot) => [standing.votes(slot, 3), standing.isProven(slot, 3)]);
  assert.deepEqual(told(), [
    [false, true],
    [false, true],
    [true, true],
  ]);
  assert.deepEqual([standing.isLost(1, 3), standing.isContradicted()], [false, false]);
  await standing.returns.finish([{ slot: 1, count: 3 }]);
  assert.deepEqual([standing.votes(1, 3), standing.votes(2, 3)], [true, false]);
  // Away once more: what was to be learned since an earlier epoch still is.
  const later = [{ slot: 2, count: 3, epoch: 9 }];
  await memory.saveAbsences(['y'], later);
  standing.returns.expect(later);
  assert.deepEqual(standing.returns.all(), [back[1]]);
  assert.deepEqual((await openPeerMemory({ store })).returning, [back[1]]);
});

test('an operator who takes what is here for all there is ends the coming back too', async () => {
  const { standing, store, memory } = await standingIn(['me', 'a', 'b']);
  const back = [{ slot: 1, count: 3, epoch: 7 }];
  await memory.saveAbsences(['x'], back);
  standing.returns.expect(back);
  await standing.force();
  assert.equal(standing.votes(1, 3), true);
  assert.deepEqual((await openPeerMemory({ store })).returning, []);
});

test('until it is known whether what it holds may be long deleted it counts nowhere, alone neither', async () => {
  for (const sets of [[['me', 'a', 'b']], [['me']]] as PeerSet[][]) {
    const { standing } = await standingIn(...sets);
    standing.learn('a', word('known'));
    assert.equal(standing.votes(1, 3), true);
    standing.returns.suspend();
    standing.learn('a', word('known'));
    assert.equal(standing.votes(1, 3), false);
    standing.returns.expect([]);
    assert.equal(standing.votes(1, 3), true);
  }
});

test('a new disk that the memory could not keep is not vouched for when it asks again', async () => {
  let full = false;
  const store = createMemoryStore(createSeededRandom('hear'));
  const memory = await openPeerMemory({
    store: storeThrough(store, {
      write: (statements) => (full ? Promise.reject(new Error('full')) : store.write(statements)),
    }),
  });
  await memory.hear('p', { storeId: 'old', term: 0, commits: 7 });
  full = true;
  const fresh = { storeId: 'new', term: 1, commits: 3 };
  await assert.rejects(memory.hear('p', fresh));
  await assert.rejects(memory.hear('p', fresh));
  // Twice at once, and it tells meanwhile how far it has come.
  const twice = [memory.hear('p', fresh), memory.hear('p', { ...fresh, commits: 4 })];
  memory.note('p', { storeId: 'new', commits: 5 });
  for (const heard of twice) await assert.rejects(heard);
  assert.equal((await memory.hear('p', { storeId: 'old', term: 0, commits: 8 })).verdict, 'known');
});
