import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import { createPulling, type PullingDeps } from './pulling.ts';

const ASK = { placed: { epoch: 1, placement: new Uint8Array(32) }, count: 3, slot: 1 };

/** What a peer answers that is asked for its inventory. */
function asking(page: (after: Uint8Array) => { leaves: Uint8Array[]; more: boolean }) {
  let asked = 0;
  const calls = {
    async ask(_: string, _method: string, { after }: { after: Uint8Array }) {
      if (++asked > 1_000) throw new Error('it came to no end');
      return { done: 1, elsewhere: [], learning: [], differing: [{ slot: ASK.slot, ...page(after) }] };
    },
  } as unknown as PullingDeps['calls'];
  const pulling = createPulling({ calls } as unknown as PullingDeps, { timeoutMs: 1_000 });
  return { inventory: () => pulling.inventory('peer', ASK), asked: () => asked };
}

const random = createSeededRandom('pulling');
const some = Array.from({ length: 6 }, () => random.bytes(32)).sort(Buffer.compare);
const isRefused = (error: unknown) => isP2posError(error, 'PEER_PROTOCOL');

test('an inventory that does not go forward is refused', async () => {
  const again = asking(() => ({ leaves: some, more: true }));
  await assert.rejects(again.inventory(), isRefused);
  assert.equal(again.asked(), 2);
  const shuffled = asking(() => ({ leaves: some.toReversed(), more: true }));
  await assert.rejects(shuffled.inventory(), isRefused);
});

test('pages that go forward are one inventory', async () => {
  const pages = asking((after) => {
    const left = some.filter((leaf) => Buffer.compare(leaf, after) > 0);
    return { leaves: left.slice(0, 2), more: left.length > 2 };
  });
  assert.equal((await pages.inventory())?.size, some.length);
  assert.equal(pages.asked(), 3);
});
