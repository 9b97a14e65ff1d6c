/** What is worked out from one snapshot to the next is what follows from the whole chain at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Snapshot } from '@p2pos/protocol';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import type { ChainLink } from './chain.ts';
import { createEras, type Eras } from './eras.ts';
import type { Placement, Placer } from './placement.ts';

const LETTERS = 'abcdefg';

/** The first `count` that are listed, from a letter on that the slot names. */
const placer: Placer = {
  place: (members): Placement => ({
    replicas(slot, count) {
      const names = members.map(({ peerId }) => peerId);
      return [...names.slice(slot % (names.length || 1)), ...names].slice(0, Math.min(count, names.length));
    },
  }),
};

function link(epoch: number, letters: readonly string[], force: boolean, branch: number): ChainLink {
  const hash = new Uint8Array(32).fill(epoch);
  hash[0] = branch;
  const members = letters.map((peerId) => ({ peerId }));
  return { hash, snapshot: { epoch, members, force } as unknown as Snapshot };
}

const read = (eras: Eras, since: number) =>
  [0, 1, 2].flatMap((slot) =>
    [3, 5].map((count) => {
      const { main, sides, sets } = eras.runs(slot, count, since);
      return { main: [...main], sides, sets };
    }),
  );

for (const seed of ['1', '2', '3', '4', '5', '6', '7', '8'])
  test(`seed ${seed}: asked after each snapshot or once at the end, the answer is one`, () => {
    const random = createSeededRandom(seed);
    for (let round = 0; round < 60; round++) {
      const asked = createEras({ placer });
      const unasked = createEras({ placer });
      let listed = [...LETTERS].slice(0, 5);
      let chain: ChainLink[] = [];
      let branch = 0;
      const sinces: number[] = [];
      for (let epoch = 1; epoch <= 14; epoch++) {
        if (epoch > 1 && random.chance(0.7)) {
          const letter = LETTERS[Math.floor(random.float() * LETTERS.length)] as string;
          listed = listed.includes(letter)
            ? listed.filter((one) => one !== letter)
            : [...listed, letter].sort();
        }
        const next = link(epoch, listed, random.chance(0.25), branch);
        chain.push(next);
        if (epoch > 3 && random.chance(0.1)) {
          branch++;
          const from = 1 + Math.floor(random.float() * (epoch - 1));
          chain = chain.map((one) =>
            one.snapshot.epoch > from
              ? link(one.snapshot.epoch, [...one.snapshot.members.map(({ peerId }) => peerId)], false, branch)
              : one,
          );
          for (const eras of [asked, unasked]) eras.replace(chain);
        } else for (const eras of [asked, unasked]) eras.append(next);
        if (random.chance(0.1)) {
          const oldest = 1 + Math.floor(random.float() * epoch);
          sinces.push(oldest);
          for (const eras of [asked, unasked]) eras.forget(oldest);
        }
        if (random.chance(0.8)) read(asked, Math.max(1, ...sinces));
        assert.equal(asked.current()?.hex, unasked.current()?.hex);
      }
      const since = Math.max(1, ...sinces);
      for (const from of [since, Math.min(14, since + 3)])
        assert.deepEqual(read(asked, from), read(unasked, from));
    }
  });

test('to follow a chain of hundreds from its beginning looks at each snapshot once', () => {
  let looks = 0;
  const counting: Placer = {
    place: (members) => ({
      replicas(slot, count) {
        looks++;
        return placer.place(members).replicas(slot, count);
      },
    }),
  };
  const eras = createEras({ placer: counting });
  for (let epoch = 1; epoch <= 300; epoch++) {
    const letters = [...LETTERS].filter((_, i) => i !== epoch % LETTERS.length);
    eras.append(link(epoch, letters, false, 0));
    eras.runs(0, 3, 0);
  }
  assert.equal(looks, 300);
});
