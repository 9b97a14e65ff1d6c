import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instantCrypto as crypto } from '../../../../testing/instant-crypto.ts';
import { createManualClock } from '../../../../testing/manual-clock.ts';
import { createMemoryStore } from '../../../../testing/memory-store.ts';
import { createSeededRandom } from '../../../../testing/seeded-random.ts';
import type { Clock } from '../../../clock/index.ts';
import * as sql from '../../replica/schema.ts';
import { createSlotContents } from './digests.ts';

async function contentsOf(rows: number, slots: number, clock: Pick<Clock, 'monotonic' | 'after'>) {
  const random = createSeededRandom('digests');
  const store = createMemoryStore(random);
  await store.migrate('records', sql.MIGRATIONS);
  await store.write(
    Array.from({ length: rows }, (_, i) => {
      const name = new TextEncoder().encode(`key${i}`);
      const rest = [random.bytes(32), 0, null, new Uint8Array(9), new Uint8Array(9), new Uint8Array(9), 0];
      const version = i.toString(16).padStart(12, '0');
      return {
        sql: sql.UPSERT,
        params: ['default/kv', name, new Uint8Array(0), 3, i % slots, version, ...rest],
      };
    }),
  );
  let reads = 0;
  const read: typeof store.read = (text, params) => {
    reads++;
    return store.read(text, params);
  };
  const contents = createSlotContents({ store: { read }, crypto, clock });
  return { contents, reads: () => reads };
}

const all = (slots: number) => Array.from({ length: slots }, (_, i) => i);

test('digests of many records let others have their turn every few milliseconds', async () => {
  for (const slots of [1, 50]) {
    let now = 0;
    let turns = 0;
    const clock = {
      // Each look at it costs as much as a page does.
      monotonic: () => now++ * 5,
      after(_: number, run: () => void) {
        turns++;
        queueMicrotask(run);
        return { [Symbol.dispose]() {} };
      },
    };
    const { contents } = await contentsOf(5_000, slots, clock);
    await contents.combined(3, all(slots));
    assert.ok(turns >= 4, `${turns} turns with ${slots} slots`);
  }
});

test('what has not changed is not read again, for the digest nor for the next message', async () => {
  const { contents, reads } = await contentsOf(3_000, 2, createManualClock());
  const digest = await contents.combined(3, all(2));
  const items = await contents.items(3, 0);
  assert.equal(items.size, 1_500);
  const before = reads();
  assert.deepEqual(await contents.combined(3, all(2)), digest);
  assert.equal(await contents.items(3, 0), items);
  assert.equal(reads(), before);
  contents.changed(3, 0);
  assert.notEqual(await contents.items(3, 0), items);
  assert.deepEqual(await contents.combined(3, all(2)), digest);
});
