/** What a learner takes for deleted: only what nobody who was compared in full has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion } from '@p2pos/protocol';
import { silentLogger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import { type CatchingUpDeps, catchUp } from './catching-up.ts';
import type { SlotOutcome } from './syncing.ts';

const LEAF = new Uint8Array(32).fill(1);
const ASK = { placed: { epoch: 1, placement: new Uint8Array(32) }, count: 3 };
const OLD = formatVersion({
  ms: 1,
  counter: 0,
  author: '12D3KooWJfsRHbzm2omXiGr4Hb7GrSaViUxwtURPuYBQxxjcE29U',
});

/** One slot of this node with a and b, of which it holds one old record; how often that was set aside. */
async function setAside(outcomes: Readonly<Record<string, SlotOutcome>>): Promise<number> {
  const caught = new Set<number>();
  let aside = 0;
  const deps = {
    self: 'me' as PeerId,
    topology: {
      generation: () => 1,
      moves: { held: () => [1], required: () => [['me', ...Object.keys(outcomes)]] },
    },
    standing: {
      isCaughtUp: (slot: number) => caught.has(slot),
      caughtUp: (slot: number) => caught.add(slot),
    },
    syncing: {
      difference: async () => ({ slots: [1], learning: new Set() }),
      slot: async (peerId: PeerId) => outcomes[peerId],
    },
    table: { findLeaf: async () => ({ damaged: false, version: OLD }) },
    aside: {
      async set(_count: number, _slot: number, leaves: readonly Uint8Array[]) {
        aside += leaves.length;
      },
    },
    log: silentLogger,
    toldTime: () => 10_000,
  } as unknown as CatchingUpDeps;
  assert.equal(await catchUp(deps, ASK, { keepDeletedMs: 1_000 }), true);
  return aside;
}

const lacks = { complete: true, learning: false, kept: [LEAF] };
const has = { complete: true, learning: false, kept: [] };

test('what no witness holds is set aside, and what one holds is not', async () => {
  assert.equal(await setAside({ a: lacks, b: lacks }), 1);
  assert.equal(await setAside({ a: lacks, b: has }), 0);
});

test('who did not give or take all is no witness against what another has', async () => {
  assert.equal(await setAside({ a: { ...lacks, complete: false }, b: lacks, c: has }), 0);
});
