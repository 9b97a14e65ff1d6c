import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion } from '@p2pos/protocol';
import { createReplica, type ReplicaDeps } from './replica.ts';
import type { CheckedRecord } from './stored.ts';

const AUTHOR = '12D3KooWRembNZ1cbsJrJS5hdew2EpSspfnBadNQScscW6tA1beA';

test('what this node signed before its clock was set back does not come on its own disk either', async () => {
  const era = { epoch: 1, hash: new Uint8Array(32) };
  const deps = {
    self: 'me',
    topology: { current: () => era, generation: () => 1, moves: { isHolder: () => true } },
    table: { accept: async () => assert.fail('it was written') },
    isForgotten: () => false,
    ceiling: { allows: (ms: number) => ms <= 10_000 },
  };
  const replica = createReplica(deps as unknown as ReplicaDeps);
  const version = formatVersion({ ms: 10_001, counter: 0, author: AUTHOR });
  const record = { fields: { version }, leaf: new Uint8Array(32) } as CheckedRecord;
  assert.deepEqual(await replica.writeOwn({ epoch: 1, placement: era.hash }, [record]), [
    { result: 'refused', text: 'VERSION_AHEAD' },
  ]);
});
