import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { MAX_INVENTORY_LEAVES, MAX_INVENTORY_SLOTS } from '../format/wire.ts';
import { type CopyingDeps, createCopying } from './copying.ts';

test('the rest of an inventory is given of one slot at once', async () => {
  let given = 0;
  const deps = {
    replica: { admit: () => ({ confirm() {} }) },
    topology: { moves: { ring: () => ({ closed: [0, 0] }), isHolder: () => true } },
    standing: { votes: () => true },
    table: {
      async leaves(_count: number, _slot: number, _after: Uint8Array, limit: number) {
        given += limit;
        return Array.from({ length: limit }, () => new Uint8Array(32));
      },
    },
  } as unknown as CopyingDeps;
  const { inventory } = createCopying(deps);
  const ask = { epoch: 1, placement: new Uint8Array(32), count: 3, digests: [], after: new Uint8Array(32) };
  const slots = new Array<number>(MAX_INVENTORY_SLOTS).fill(1);
  await assert.rejects(inventory({ ...ask, slots }, 'peer'), (error) => isP2posError(error, 'BAD_REQUEST'));
  assert.ok(given <= MAX_INVENTORY_LEAVES, `${given} leaves`);
  const { differing } = await inventory({ ...ask, slots: [1] }, 'peer');
  assert.equal(differing[0]?.leaves.length, MAX_INVENTORY_LEAVES);
});
