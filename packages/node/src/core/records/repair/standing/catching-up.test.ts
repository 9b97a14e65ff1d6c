/** What a learner takes for deleted, and who is a witness less: only what nobody has, and only who lost a disk. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion } from '@p2pos/protocol';
import { silentLogger } from '../../../log/index.ts';
import type { PeerId } from '../../../net/index.ts';
import type { SlotOutcome } from '../reconciliation/syncing.ts';
import { type CatchingUpDeps, catchUp } from './catching-up.ts';
import { hearWitnesses } from './witnesses.ts';

const LEAF = new Uint8Array(32).fill(1);
const ASK = { placed: { epoch: 1, placement: new Uint8Array(32) }, count: 3 };
const OLD = formatVersion({
  ms: 1,
  counter: 0,
  author: '12D3KooWJfsRHbzm2omXiGr4Hb7GrSaViUxwtURPuYBQxxjcE29U',
});

/** One try over one slot of this node with others, of which it holds one old record. */
async function tryOnce(
  outcomes: Readonly<Record<string, SlotOutcome>>,
  earliest = 10_000,
): Promise<{ readonly done: boolean; readonly aside: number }> {
  const caught = new Set<number>();
  let aside = 0;
  const deps = {
    self: 'me' as PeerId,
    topology: {
      generation: () => 1,
      moves: {
        held: () => [1],
        required: () => [['me', ...Object.keys(outcomes)]],
        isHolder: () => true,
      },
    },
    standing: {
      isCaughtUp: (slot: number) => caught.has(slot),
      votes: (slot: number) => caught.has(slot),
      async caughtUp(slots: readonly { readonly slot: number }[]) {
        for (const { slot } of slots) caught.add(slot);
      },
    },
    syncing: {
      difference: async () => ({ slots: [1], learning: new Set(), lost: new Set() }),
      slot: async (peerId: PeerId) => outcomes[peerId],
    },
    table: { findLeaf: async () => ({ damaged: false, version: OLD }) },
    aside: {
      async set(_count: number, _slot: number, leaves: readonly Uint8Array[]) {
        aside += leaves.length;
      },
    },
    log: silentLogger,
    toldTime: () => earliest,
    latestTime: () => 10_000,
  } as unknown as CatchingUpDeps;
  return { done: await catchUp(deps, ASK, { keepDeletedMs: 1_000 }), aside };
}

const lacks = { complete: true, learning: false, lost: false, kept: [LEAF] };
const has = { ...lacks, kept: [] };
const silent = { complete: false, learning: true, lost: false, kept: [] };

test('what no witness holds is set aside, and what one holds is not', async () => {
  // It may have kept out something older, which is taken at the next try.
  assert.deepEqual(await tryOnce({ a: lacks, b: lacks }), { done: false, aside: 1 });
  assert.deepEqual(await tryOnce({ a: lacks, b: has }), { done: true, aside: 0 });
});

test('what is old by one of two clocks alone is neither set aside nor given before they agree', async () => {
  assert.deepEqual(await tryOnce({ a: lacks, b: lacks }, 1_000), { done: false, aside: 0 });
  assert.deepEqual(await tryOnce({ a: lacks, b: has }, 1_000), { done: true, aside: 0 });
});

test('who did not give or take all is no witness against what another has', async () => {
  const outcomes = { a: { ...lacks, complete: false }, b: lacks, c: has };
  assert.deepEqual(await tryOnce(outcomes), { done: true, aside: 0 });
});

test('one that has only just started may alone have what was acknowledged, and is waited for', async () => {
  assert.equal((await tryOnce({ a: silent, b: has })).done, false);
  // Of one that lost its disk too nothing is to be had.
  assert.equal((await tryOnce({ a: { ...silent, lost: true }, b: has })).done, true);
});

test('a former replica is no witness of a slot that was closed while it was asked', async () => {
  let holders = ['me', 'b', 'c'];
  const deps = {
    topology: {
      generation: () => 1,
      moves: { isHolder: (_slot: number, _count: number, peerId: PeerId) => holders.includes(peerId) },
    },
    syncing: {
      async difference(peerId: PeerId) {
        if (peerId === 'b') holders = ['me', 'c', 'd'];
        return { slots: [], learning: new Set(), lost: new Set() };
      },
    },
    log: silentLogger,
  } as unknown as CatchingUpDeps;
  const ages = { isOld: () => true, isYoung: () => false };
  const heard = await hearWitnesses(deps, ASK, new Map([[1, ['b', 'c'] as PeerId[]]]), ages);
  assert.deepEqual([...(heard?.get(1)?.witnesses ?? [])], ['c']);
});
