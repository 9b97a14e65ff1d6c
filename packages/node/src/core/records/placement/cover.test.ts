import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCover, fewestFor } from './cover.ts';
import { reaches } from './quorum.ts';

const peer = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const set = fc.uniqueArray(peer, { minLength: 1, maxLength: 5 });
const slots = fc.array(fc.array(set, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 40 });

test('those chosen give every set the majority that all who can be asked would give, and nobody is chosen in vain', () => {
  fc.assert(
    fc.property(slots, fc.uniqueArray(peer), (sets, able) => {
      const cover = createCover([...sets.keys()], (slot) => sets[slot] as string[][]);
      const chosen = fewestFor(cover, able);
      const isReached = (one: string[][], peers: readonly string[]) =>
        reaches(one, (peerId) => peers.includes(peerId));
      for (const one of sets) assert.equal(isReached(one, chosen), isReached(one, able));
      if (!sets.every((one) => isReached(one, able))) return;
      for (const peerId of chosen) {
        const without = chosen.filter((other) => other !== peerId);
        assert.ok(!sets.every((one) => isReached(one, without)), `${peerId} is not needed`);
      }
    }),
  );
});

test('slots that need the same sets are one group, whatever the order in them', () => {
  const sets = [
    [['a', 'b', 'c']],
    [['c', 'a', 'b']],
    [['a', 'b']],
    [
      ['a', 'b'],
      ['a', 'b', 'c'],
    ],
  ];
  const cover = createCover([0, 1, 2, 3], (slot) => sets[slot] as string[][]);
  assert.deepEqual(
    cover.groups.map((group) => group.slots),
    [[0, 1], [2], [3]],
  );
  assert.deepEqual(
    [cover.peers, cover.group(1) === cover.group(0), cover.group(9)],
    [['a', 'b', 'c'], true, undefined],
  );
});

test('the last are left out first', () => {
  const cover = createCover([0], () => [['a', 'b', 'c', 'd', 'e']]);
  assert.deepEqual(fewestFor(cover, ['d', 'a', 'e', 'b', 'c']), ['d', 'a', 'e']);
});
