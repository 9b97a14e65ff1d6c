/** With which outcome a change ends that could not be told its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion, P2posError } from '@p2pos/protocol';
import { storeThrough } from '../../../testing/store-through.ts';
import type { Store } from '../../store/index.ts';
import { RECORDS } from '../format/wire.ts';
import { createTestbed, type Testbed } from '../testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const NAME = { namespace: 'default/kv-cas', partition: bytes('a'), key: bytes('a') };

/** Of node 0, whatever needs a new bound of its clock fails while `isFull`. */
function filling(index: number, store: Store, isFull: () => boolean): Store {
  return storeThrough(store, {
    async write(statements) {
      if (index === 0 && isFull() && statements.some(({ sql }) => sql.includes('records_clock')))
        throw new P2posError('STORE_FULL', { file: 'x' });
      return store.write(statements);
    },
  });
}

function change(bed: Testbed, index: number, value: string) {
  const { registers } = bed.node(index).records;
  return bed.run(registers.change({ ...NAME, value: bytes(value), condition: { kind: 'any' } }));
}

async function failure(work: Promise<unknown>): Promise<unknown[]> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof P2posError, String(error));
    return [error.code, error.details['outcome']];
  }
  throw new Error('it did not fail');
}

test('what stops a later try does not hide that an earlier one may have had its effect', async () => {
  let full = false;
  await using bed = await createTestbed({
    nodes: 3,
    registers: true,
    records: { writeTimeoutMs: 3_000 },
    wrapStore: (index, store) => filling(index, store, () => full),
  });
  await change(bed, 1, 'zero');
  const { version } = await change(bed, 0, 'one');
  await bed.clock.advance(2_500);
  // Node 2 promises to another, so that it refuses what node 0, which needs no promises, has written by itself already.
  const { epoch, hash } = bed.node(1).membership.view();
  const ballot = formatVersion({ ms: bed.clock.now() + 3_000, counter: 0, author: bed.node(1).peerId });
  const input = { epoch, placement: hash, promises: [[NAME.namespace, NAME.key, null, ballot]] } as never;
  await bed.run(bed.node(1).rpc.call(bed.node(2).peerId, RECORDS, 'prepare', input, { timeoutMs: 500 }));
  await bed.crash(1);
  full = true;
  assert.deepEqual(await failure(change(bed, 0, 'two')), ['RECORDS_QUORUM_LOST', 'unknown']);
  const rows = await bed.node(0).store.read('SELECT 1 FROM records WHERE version > ?', [version]);
  assert.equal(rows.length, 1, 'its own disk has it');
});

test('what stops the first try says that there was no effect', async () => {
  let full = false;
  await using bed = await createTestbed({
    nodes: 3,
    registers: true,
    wrapStore: (index, store) => filling(index, store, () => full),
  });
  full = true;
  await bed.clock.advance(5_000);
  assert.deepEqual(await failure(change(bed, 0, 'one')), ['STORE_FULL', 'none']);
});
