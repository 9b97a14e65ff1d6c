import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion, peerIdFromPublicKey } from '@p2pos/protocol';
import fc from 'fast-check';
import { instantCrypto as crypto } from '../../../testing/instant-crypto.ts';
import { createMemoryStore } from '../../../testing/memory-store.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import type { Row, SqlValue, Store } from '../../store/index.ts';
import { leafHash } from '../format/merkle.ts';
import { encodeHeader, type RecordHeader } from '../format/record.ts';
import { createNewest, noticing } from './newest.ts';
import { openRecordTable, type RecordTable } from './store.ts';
import type { CheckedRecord } from './stored.ts';

const author = peerIdFromPublicKey(new Uint8Array(32).fill(1));
const bytes = (text: string) => new TextEncoder().encode(text);
const name = (key: string) => ({ namespace: 'default/kv', partition: bytes(key), key: bytes(key) });

function record(key: string, ms: number, size = 4): CheckedRecord {
  const value = new Uint8Array(size).fill(ms);
  const fields: RecordHeader = {
    ...name(key),
    version: formatVersion({ ms, counter: 0, author }),
    expiresAt: undefined,
    value: { hash: crypto.sha256(value), bytes: size },
  };
  const header = encodeHeader(fields);
  return { fields, header, value, proof: bytes('p'), leaf: leafHash(crypto, header), slot: 0, count: 3 };
}

interface Bed {
  readonly store: Store;
  readonly table: RecordTable;
  reads(): number;
  /** The next read of the disk waits for it after it has its rows. */
  hold(until: Promise<void>): void;
}

async function open(maxBytes = 1_000_000): Promise<Bed> {
  const memory = createMemoryStore(createSeededRandom('newest'));
  let reads = 0;
  let held: Promise<void> | undefined;
  const counting: Store = {
    storeId: memory.storeId,
    migrate: (owner, migrations) => memory.migrate(owner, migrations),
    write: (statements) => memory.write(statements),
    position: () => memory.position(),
    async read<R extends Row>(sql: string, params?: readonly SqlValue[]) {
      reads++;
      const rows = await memory.read<R>(sql, params);
      const until = held;
      held = undefined;
      await until;
      return rows;
    },
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
  const newest = createNewest({ maxBytes });
  const table = await openRecordTable({ store: counting, crypto, newest });
  return {
    store: noticing(counting, newest),
    table,
    reads: () => reads,
    hold(until) {
      held = until;
    },
  };
}

async function versionOf({ table }: Bed, key: string): Promise<number | undefined> {
  const version = (await table.find(name(key)))?.version;
  return version === undefined ? undefined : Number.parseInt(version.slice(0, 12), 16);
}

test('what was read once is not read from the disk again, until it is written', async () => {
  const bed = await open();
  await bed.table.accept([record('a', 1)], 0);
  const before = bed.reads();
  for (let i = 0; i < 5; i++) assert.equal(await versionOf(bed, 'a'), 1);
  assert.equal(bed.reads(), before + 1);
  await bed.table.accept([record('a', 2)], 0);
  assert.equal(await versionOf(bed, 'a'), 2);
});

test('whatever is written, by the table or beside it, reads tell what is on the disk', async () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    fc.record({ kind: fc.constant('accept' as const), key, ms: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ kind: fc.constant('delete' as const), key }),
    fc.record({ kind: fc.constant('find' as const), key }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.constantFrom(0, 1_500, 1_000_000),
      async (steps, max) => {
        const bed = await open(max);
        for (const one of steps) {
          if (one.kind === 'accept') await bed.table.accept([record(one.key, one.ms)], 0);
          if (one.kind === 'delete')
            await bed.store.write([{ sql: 'DELETE FROM records WHERE key = ?', params: [bytes(one.key)] }]);
          const [row] = await bed.store.read<{ version: string }>(
            'SELECT version FROM records WHERE key = ?',
            [bytes(one.key)],
          );
          assert.equal((await bed.table.find(name(one.key)))?.version, row?.version);
        }
      },
    ),
  );
});

test('a read that a write overtook does not bring back what was there before', async () => {
  const bed = await open();
  await bed.table.accept([record('a', 1)], 0);
  const gate = Promise.withResolvers<void>();
  bed.hold(gate.promise);
  const slow = versionOf(bed, 'a');
  await bed.table.accept([record('a', 2)], 0);
  gate.resolve();
  assert.equal(await slow, 1);
  assert.equal(await versionOf(bed, 'a'), 2);
});

test('no more is kept than was allowed, the longest unused goes first', async () => {
  const bed = await open(32_000);
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
  await bed.table.accept(
    keys.map((key) => record(key, 1, 500)),
    0,
  );
  for (const key of keys) {
    await versionOf(bed, key);
    await versionOf(bed, 'k0');
  }
  const before = bed.reads();
  await versionOf(bed, 'k0');
  await versionOf(bed, 'k39');
  assert.equal(bed.reads(), before);
  await versionOf(bed, 'k1');
  assert.equal(bed.reads(), before + 1);
});
