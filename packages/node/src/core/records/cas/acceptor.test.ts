/** What an acceptor tells of a promise, when it came to be a learner while that was written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion } from '@p2pos/protocol';
import { createAcceptor } from './acceptor.ts';

const AUTHOR = '12D3KooWJfsRHbzm2omXiGr4Hb7GrSaViUxwtURPuYBQxxjcE29U';

test('a promise that was written while the disk was found to be another counts for nothing', async () => {
  let votes = true;
  const acceptor = createAcceptor({
    self: 'me',
    replica: { admit: () => ({ confirm() {} }) },
    topology: { moves: { isHolder: () => true } },
    declarations: { get: () => ({ kind: 'cas', replicas: 3 }) },
    table: { find: async () => undefined },
    promises: {
      async promise() {
        votes = false;
        return [true];
      },
    },
    standing: { votesOn: () => votes, known: async () => {} },
    hybridClock: { observe() {} },
    slotOf: () => 1,
    now: () => 1_000,
    onContended() {},
  } as unknown as Parameters<typeof createAcceptor>[0]);
  const key = new Uint8Array([1]);
  const ballot = formatVersion({ ms: 1_000, counter: 0, author: AUTHOR });
  const asked = {
    epoch: 1,
    placement: new Uint8Array(32),
    promises: [['default/kv-cas', key, null, ballot]],
  };
  const answers = await acceptor.prepare(asked as never, AUTHOR);
  assert.deepEqual(answers, [{ result: 'refused', text: 'REPLICA_LEARNING' }]);
});
