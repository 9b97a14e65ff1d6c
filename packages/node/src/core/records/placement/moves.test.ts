import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Snapshot } from '@p2pos/protocol';
import fc from 'fast-check';
import type { ChainLink } from './chain.ts';
import type { Side } from './eras.ts';
import { createMoves, type Moves } from './moves.ts';
import type { Placer } from './placement.ts';
import type { Ring, SavedRing } from './ring.ts';
import { packEpochs, unpackEpochs } from './ring.ts';

/** Every slot lies on the first three members: the test decides who that is. */
const placer: Placer = {
  place: (members) => ({ replicas: (_slot, count) => members.slice(0, count).map(({ peerId }) => peerId) }),
};
const SLOTS = 4;

/** A snapshot that lists the letters; `branch` makes another of the same epoch. */
function link(epoch: number, letters: string, { force = false, branch = 0 } = {}): ChainLink {
  const hash = new Uint8Array(32).fill(epoch);
  hash[0] = branch;
  const members = [...letters].map((peerId) => ({ peerId }));
  return { hash, snapshot: { epoch, members, force } as unknown as Snapshot };
}

function movesOf(self: string, saved = new Map<number, SavedRing>(), sides: readonly Side[] = []): Moves {
  return createMoves({ self, placer, slots: () => SLOTS, saved, sides }, { counts: [3] });
}

const sets = (moves: Moves) => moves.required(0, 3).map((set) => set.join(''));
/** What a node answers that settled at `epoch` and knows of `closed`. */
const told = (settled: number, closed = 0) => ({
  settled: new Uint32Array(SLOTS).fill(settled),
  closed: new Uint32Array(SLOTS).fill(closed),
});

test('at the founding all are settled and one set is needed', () => {
  const moves = movesOf('a');
  assert.equal(moves.current(), undefined);
  moves.append(link(1, 'abc'));
  assert.deepEqual(sets(moves), ['abc']);
  assert.deepEqual(moves.unsettled(3), []);
  assert.deepEqual(moves.open(3), []);
});

test('the old set is needed until a majority of the new one has settled', () => {
  const moves = movesOf('x');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'abd'));
  assert.deepEqual(sets(moves), ['abd', 'abc']);
  moves.absorb(
    3,
    new Map([
      ['a', told(2)],
      ['b', told(1)],
      ['d', told(0)],
    ]),
  );
  assert.deepEqual(sets(moves), ['abd', 'abc']);
  moves.absorb(3, new Map([['c', told(2)]])); // no member of the new set
  assert.deepEqual(sets(moves), ['abd', 'abc']);
  moves.absorb(
    3,
    new Map([
      ['a', told(2)],
      ['d', told(2)],
    ]),
  );
  assert.deepEqual(sets(moves), ['abd']);
});

test('a replica that stays must settle too, since a majority of the old set may lack it', () => {
  const moves = movesOf('a');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'abd'));
  assert.deepEqual(moves.unsettled(3), [0, 1, 2, 3]);
});

test('its own mark counts as what it tells of it, for a learner tells none', () => {
  const moves = movesOf('a');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'abd'));
  (moves.ring(3) as Ring).settled.fill(2);
  const others = [['d', told(2)]] as const;
  moves.absorb(3, new Map([...others, ['a', told(0)]]));
  assert.deepEqual(sets(moves), ['abd', 'abc']);
  moves.absorb(3, new Map([...others, ['a', told(2)]]));
  assert.deepEqual(sets(moves), ['abd']);
});

test('a snapshot that moves nothing asks for nothing', () => {
  const moves = movesOf('a');
  moves.append(link(1, 'abcx'));
  moves.append(link(2, 'abcy'));
  moves.append(link(3, 'cabz'));
  assert.deepEqual(sets(moves), ['cab']);
  assert.deepEqual(moves.unsettled(3), []);
});

test('with several unfinished moves every unsettled set must agree', () => {
  const moves = movesOf('x');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'abd'));
  moves.append(link(3, 'ade'));
  assert.deepEqual(sets(moves), ['ade', 'abd', 'abc']);
  // The middle one closes first.
  moves.absorb(
    3,
    new Map([
      ['b', told(2)],
      ['d', told(2)],
    ]),
  );
  assert.deepEqual(sets(moves), ['ade', 'abd']);
  moves.absorb(
    3,
    new Map([
      ['a', told(3)],
      ['e', told(3)],
    ]),
  );
  assert.deepEqual(sets(moves), ['ade']);
});

test('a set that comes back counts anew: marks of its first time are worth nothing', () => {
  const moves = movesOf('c');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'abd'));
  moves.append(link(3, 'abc'));
  assert.deepEqual(sets(moves), ['abc', 'abd']);
  assert.deepEqual(moves.unsettled(3), [0, 1, 2, 3]);
  moves.absorb(
    3,
    new Map([
      ['a', told(1)],
      ['b', told(1)],
    ]),
  );
  assert.deepEqual(sets(moves), ['abc', 'abd']);
});

test('what one member knows to be closed the others believe', () => {
  const moves = movesOf('x');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'abd'));
  moves.learnClosed(0, 3, 3); // an epoch that does not exist yet
  assert.deepEqual(sets(moves), ['abd', 'abc']);
  moves.learnClosed(0, 3, 2);
  assert.deepEqual(sets(moves), ['abd']);
});

test('a force snapshot takes the removed out of every old set; a set left empty is named', () => {
  const moves = movesOf('x');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'abd'));
  const lost = moves.append(link(3, 'def', { force: true }));
  assert.deepEqual(sets(moves), ['def', 'd']);
  assert.deepEqual([...lost], [[3, [0, 1, 2, 3]]]); // of `abc` nobody is left
  const without = movesOf('x');
  without.append(link(1, 'abc'));
  without.append(link(2, 'def'));
  assert.deepEqual(sets(without), ['def', 'abc']);
});

test('a set of which force leaves a majority stays whole: most of those left may lack what the others acknowledged', () => {
  const moves = createMoves(
    { self: 'a', placer, slots: () => SLOTS, saved: new Map(), sides: [] },
    { counts: [5] },
  );
  const needed = () => moves.required(0, 5).map((set) => set.join(''));
  const left = (removed: string) =>
    moves.left(0, 5, new Set(removed)).map(({ peers, isEnough }) => [peers.join(''), isEnough]);
  moves.append(link(1, 'abcde'));
  moves.append(link(2, 'abc', { force: true }));
  assert.deepEqual(needed(), ['abc', 'abcde']);
  assert.deepEqual(moves.unsettled(5), [0, 1, 2, 3]);
  assert.deepEqual(left(''), [
    ['abc', true],
    ['abc', true],
  ]);
  assert.deepEqual(left('c'), [
    ['ab', true],
    ['ab', false],
  ]);
  moves.append(link(3, 'ab', { force: true }));
  assert.deepEqual(needed(), ['ab', 'abc']);
});

test('an old set that force made smaller still has to be settled from', () => {
  const moves = movesOf('a');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'ad', { force: true }));
  assert.deepEqual(sets(moves), ['ad', 'a']);
  assert.deepEqual(moves.unsettled(3), [0, 1, 2, 3]);
});

test('marks survive a restart with the chain that they were made on, and no other', () => {
  const chain = [link(1, 'abc'), link(2, 'abd'), link(3, 'abe')];
  const before = movesOf('a');
  before.replace(chain.slice(0, 2));
  before.learnClosed(0, 3, 2);
  const ring = before.ring(3);
  assert.ok(ring);
  const saved = new Map([[3, { ...ring, headHash: (chain[1] as ChainLink).hash }]]);
  const after = movesOf('a', saved);
  after.replace(chain);
  assert.deepEqual(sets(after), ['abe', 'abd']);
  const elsewhere = movesOf('a', saved);
  elsewhere.replace([link(1, 'abc'), link(2, 'abd', { branch: 1 }), link(3, 'abe', { branch: 1 })]);
  assert.deepEqual(sets(elsewhere), ['abe', 'abd', 'abc']);
});

test('when another branch wins, the sets of the one that lost are needed until a later close', () => {
  const moves = movesOf('x');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'abd'));
  moves.replace([link(1, 'abc'), link(2, 'abe', { branch: 1 })]);
  assert.deepEqual(sets(moves), ['abe', 'abc', 'abd']);
  moves.absorb(
    3,
    new Map([
      ['a', told(2)],
      ['e', told(2)],
    ]),
  );
  assert.deepEqual(sets(moves), ['abe']);
});

test('a fall back to an earlier snapshot keeps the sets of the later one', () => {
  const moves = movesOf('x');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'abd'));
  moves.learnClosed(0, 3, 2);
  moves.replace([link(1, 'abc')]);
  assert.deepEqual(sets(moves), ['abc', 'abd']);
});

test('epochs of slots survive their packing; what describes other slots is refused', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 1, 2, 0xffff_ffff), { minLength: 1, maxLength: 64 }), (list) => {
      const epochs = Uint32Array.from(list);
      assert.deepEqual(unpackEpochs(packEpochs(epochs), list.length), epochs);
      assert.equal(unpackEpochs(packEpochs(epochs), list.length + 1), undefined);
      assert.equal(unpackEpochs(packEpochs(epochs), list.length - 1), undefined);
    }),
  );
  for (const bad of [[1, -1], [1, 5], [-1, 4], [1], [2 ** 32, 4], [1, 0, 1, 4]]) {
    assert.equal(unpackEpochs(bad, 4), undefined, String(bad));
  }
});

/** Node a followed a branch whose set closed the one before; then the other branch won. */
function afterTheOtherWon(): Moves {
  const moves = movesOf('a');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'def', { branch: 1 }));
  for (let slot = 0; slot < SLOTS; slot++) moves.learnClosed(slot, 3, 2);
  // From here on the earlier ones are forgotten.
  moves.append(link(3, 'def', { branch: 1 }));
  assert.deepEqual(sets(moves), ['def']);
  moves.replace(WINNER);
  return moves;
}
const WINNER = [link(1, 'abc'), link(2, 'abg')];

test('a set of the branch that lost is needed, whatever who never followed it knows to be closed before it', () => {
  const moves = afterTheOtherWon();
  assert.deepEqual(sets(moves), ['abg', 'abc', 'def']);
  moves.absorb(3, new Map([['b', told(0, 1)]]));
  assert.deepEqual(sets(moves), ['abg', 'abc', 'def']);
  moves.absorb(
    3,
    new Map([
      ['b', told(2)],
      ['g', told(2)],
    ]),
  );
  assert.deepEqual(sets(moves), ['abg']);
});

test('sets of a branch that lost to one that loses in turn are needed until a newer set than the earlier fork has settled', () => {
  const moves = movesOf('a');
  for (const one of [link(1, 'abc'), link(2, 'abc'), link(3, 'abc'), link(4, 'def')]) moves.append(one);
  moves.replace([link(1, 'abc'), link(2, 'abc'), link(3, 'abc'), link(4, 'abg', { branch: 1 })]);
  moves.replace([link(1, 'abc'), link(2, 'abh', { branch: 2 })]);
  assert.deepEqual(sets(moves), ['abh', 'abc', 'def', 'abg']);
  moves.absorb(
    3,
    new Map([
      ['b', told(2)],
      ['h', told(2)],
    ]),
  );
  assert.deepEqual(sets(moves), ['abh']);
});

test('sets of a branch that lost are needed after a restart as before', () => {
  const before = afterTheOtherWon();
  const lost = [link(2, 'def', { branch: 1 }), link(3, 'def', { branch: 1 })];
  const sides = lost.filter(({ hash }) =>
    before.sides().some((side) => Buffer.compare(side.hash, hash) === 0),
  );
  assert.equal(sides.length, 1);
  const { settled, closed } = before.ring(3) as Ring;
  const headHash = (WINNER[1] as ChainLink).hash;
  const saved = new Map([[3, { count: 3, settled: settled.slice(), closed: closed.slice(), headHash }]]);
  const again = movesOf(
    'a',
    saved,
    sides.map((one) => ({ link: one, fork: before.sides()[0]?.fork ?? 0 })),
  );
  again.replace([...WINNER, link(3, 'abg', { branch: 2 })]);
  assert.deepEqual(sets(again), ['abg', 'abc', 'def']);
  assert.deepEqual(again.sides(), before.sides());
});

/** Of a node whose set lost its slot to bcd in epoch 2; since 3 acd have it. */
function tenureOf(marks: Readonly<Record<string, number>>, self = 'a') {
  const moves = movesOf(self);
  for (const one of [link(1, 'abc'), link(2, 'bcd'), link(3, 'acd')]) moves.append(one);
  const tenure = moves.tenure(0, 3, 3, (peerId) => marks[peerId]);
  if (typeof tenure === 'string') return tenure;
  return [tenure.isClosed, ...tenure.quorums.map(({ peers, least }) => `${least} of ${peers.join('')}`)];
}

test('what a member held before its absence is needed once most of each newer set have told that they settled nothing', () => {
  assert.equal(tenureOf({ a: 1, b: 0, c: 1, d: 0 }), 'needed');
  assert.equal(tenureOf({ a: 1, b: 0, c: 2, d: 0 }), 'needed');
  // Two that have not been heard of may be the majority of bcd that settled.
  assert.equal(tenureOf({ a: 1, b: 0 }), 'unknown');
  assert.equal(tenureOf({ a: 1, d: 2 }), 'unknown');
});

test('where one may have settled with one that tells nothing, all majorities are heard before it counts', () => {
  assert.deepEqual(tenureOf({ a: 1, c: 2, d: 0 }), [false, '1 of cd', '2 of cd', '1 of c']);
});

test('it is needed no more once a newer set is known to have settled, but for a node that has settled since', () => {
  assert.deepEqual(tenureOf({ b: 0, c: 0, d: 0 }, 'x'), [true, '2 of abc']);
  const moves = movesOf('a');
  for (const one of [link(1, 'abc'), link(2, 'bcd'), link(3, 'acd')]) moves.append(one);
  const tenure = () => moves.tenure(0, 3, 3, () => undefined);
  moves.absorb(3, new Map(['b', 'c'].map((peerId) => [peerId, told(2)])));
  assert.deepEqual(tenure(), { isClosed: true, quorums: [{ peers: ['b', 'c', 'd'], least: 2 }] });
  moves.absorb(3, new Map(['c', 'd'].map((peerId) => [peerId, told(3)])));
  // It acknowledged nothing in its own, so whatever was lies on both others.
  assert.deepEqual(tenure(), { isClosed: true, quorums: [{ peers: ['c', 'd'], least: 1 }] });
  moves.ring(3)?.settled.fill(3);
  assert.equal(tenure(), 'needed');
});

test('what was acknowledged may lie on a set of a branch that lost, by this node too', () => {
  const moves = movesOf('d');
  for (const one of [link(1, 'abc'), link(2, 'bcd')]) moves.append(one);
  moves.replace([link(1, 'abc'), link(2, 'ace', { branch: 7 }), link(3, 'cde', { branch: 7 })]);
  const tenure = moves.tenure(0, 3, 3, () => undefined);
  assert.deepEqual(tenure, {
    isClosed: false,
    quorums: [
      { peers: ['a', 'b', 'c'], least: 2 },
      { peers: ['b', 'c'], least: 1 },
    ],
  });
});

test('a mark of before a branch that lost, on which others had the slot, is worth nothing', () => {
  const moves = movesOf('a');
  moves.append(link(1, 'abc'));
  moves.append(link(2, 'xyz'));
  moves.absorb(3, new Map(['x', 'y'].map((peerId) => [peerId, told(2)])));
  moves.replace([link(1, 'abc'), link(2, 'abc', { branch: 7 })]);
  assert.equal(moves.unsettled(3).length, SLOTS);
  assert.deepEqual(sets(moves), ['abc', 'xyz']);
});
