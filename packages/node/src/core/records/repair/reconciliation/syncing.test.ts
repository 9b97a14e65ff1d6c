import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { instantCrypto as crypto } from '../../../../testing/instant-crypto.ts';
import { createManualClock } from '../../../../testing/manual-clock.ts';
import { createSeededRandom } from '../../../../testing/seeded-random.ts';
import { silentLogger } from '../../../log/index.ts';
import type { Topology } from '../../placement/topology.ts';
import type { SlotContents } from './digests.ts';
import { answer, createItems } from './negentropy/index.ts';
import { createSyncing, type SyncingDeps } from './syncing.ts';

const ALL = { gives: () => true, takes: () => true };

/** This node lacks all that the peer has. */
function lacking(records: number, maxSteps: number, failure?: P2posError) {
  const random = createSeededRandom('syncing');
  const theirs = Array.from({ length: records }, (_, i) => ({ time: i, id: random.bytes(32) }));
  const items = createItems(crypto, theirs);
  const timeOf = new Map(theirs.map(({ time, id }) => [Buffer.from(id).toString('hex'), time]));
  const own: { time: number; id: Uint8Array }[] = [];
  const peer = {
    reconcile({ message }: { message: Uint8Array }) {
      if (failure) throw failure;
      return { message: answer(items, message, { maxMessageBytes: 4_096 }), learning: false };
    },
    fetch: ({ leaves }: { leaves: readonly Uint8Array[] }) => ({
      done: leaves.length,
      records: leaves.map((id) => [id, null, new Uint8Array(0)]),
    }),
  };
  const syncing = createSyncing(
    {
      calls: {
        ask: async (_: string, method: keyof typeof peer, input: never) => peer[method](input),
      } as unknown as SyncingDeps['calls'],
      replica: {
        async write({ records }) {
          for (const [id] of records)
            own.push({ time: timeOf.get(Buffer.from(id).toString('hex')) as number, id });
          return records.map(() => ({ result: 'taken' as const }));
        },
      },
      topology: {} as Topology,
      table: { findLeaf: async () => undefined },
      contents: {
        items: async () => createItems(crypto, own),
        isForgotten: () => false,
      } as unknown as SlotContents,
      clock: createManualClock(),
      log: silentLogger,
      settleRegister: async () => {},
    },
    { timeoutMs: 1_000, maxBytesPerSecond: Number.POSITIVE_INFINITY, maxSteps },
  );
  const ask = { placed: { epoch: 1, placement: new Uint8Array(32) }, count: 3 };
  return { own, run: () => syncing.slot('peer', ask, 1, ALL) };
}

test('what was found is taken though there is more to find than one reconciliation may ask for', async () => {
  const { own, run } = lacking(4_000, 16);
  let before = 0;
  for (let i = 0; i < 20; i++) {
    const { complete } = await run();
    assert.ok(own.length > before, `${own.length} after ${before}`);
    before = own.length;
    assert.equal(complete, own.length === 4_000);
    if (complete) return;
  }
  assert.fail('it came to no end');
});

test('a slot that cannot be read is incomplete; who cannot be reached is so in all slots', async () => {
  const rotten = new P2posError('STORE_CORRUPT', { file: 'store.sqlite', reason: 'a page' });
  assert.deepEqual(await lacking(1, 16, rotten).run(), {
    complete: false,
    learning: false,
    lost: false,
    kept: [],
  });
  const away = new P2posError('PEER_UNREACHABLE', { peerId: 'peer' });
  await assert.rejects(lacking(1, 16, away).run(), { code: 'PEER_UNREACHABLE' });
});
