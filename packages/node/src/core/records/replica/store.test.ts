import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareBytes, formatVersion, peerIdFromPublicKey } from '@p2pos/protocol';
import fc from 'fast-check';
import { instantCrypto as crypto } from '../../../testing/instant-crypto.ts';
import { createMemoryStore } from '../../../testing/memory-store.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import { leafHash } from '../format/merkle.ts';
import { endOf } from '../format/range.ts';
import { encodeHeader, type RecordHeader } from '../format/record.ts';
import { SELECT_KEYS, SELECT_PARTITION } from './schema.ts';
import { openRecordTable } from './store.ts';
import type { CheckedRecord } from './stored.ts';

const author = (n: number) => peerIdFromPublicKey(new Uint8Array(32).fill(n));
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

async function openTable() {
  const store = createMemoryStore(createSeededRandom('store'));
  return { store, table: await openRecordTable({ store, crypto }) };
}

interface Sketch {
  readonly key?: string;
  readonly ms: number;
  readonly by?: number;
  readonly value?: string | undefined;
  readonly expiresAt?: number;
  readonly slot?: number;
}

function record({ key = 'k', ms, by = 1, value, expiresAt, slot = 0 }: Sketch): CheckedRecord {
  const content = value === undefined ? null : bytes(value);
  const fields: RecordHeader = {
    namespace: 'default/kv',
    partition: bytes(key),
    key: bytes(key),
    version: formatVersion({ ms, counter: 0, author: author(by) }),
    expiresAt,
    value: content ? { hash: crypto.sha256(content), bytes: content.length } : undefined,
  };
  const header = encodeHeader(fields);
  return {
    fields,
    header,
    value: content,
    proof: bytes('proof'),
    leaf: leafHash(crypto, header),
    slot,
    count: 3,
  };
}
const name = (key = 'k') => ({ namespace: 'default/kv', partition: bytes(key), key: bytes(key) });

test('whatever the order in which records come, every replica keeps the same one', async () => {
  const sketch = fc.record({
    ms: fc.integer({ min: 1, max: 3 }),
    by: fc.integer({ min: 1, max: 2 }),
    value: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(sketch, { minLength: 1, maxLength: 8 }), fc.nat(), async (sketches, seed) => {
      const records = sketches.map(record);
      const random = createSeededRandom(seed);
      const shuffled = records
        .map((one) => ({ one, at: random.float() }))
        .sort((a, b) => a.at - b.at)
        .map(({ one }) => one);
      const held: string[] = [];
      for (const order of [records, shuffled]) {
        const { store, table } = await openTable();
        for (const one of order) await table.accept([one], 0);
        held.push(Buffer.from((await table.find(name()))?.leaf ?? []).toString('hex'));
        await store[Symbol.asyncDispose]();
      }
      assert.equal(held[0], held[1]);
      const greatest = records
        .map(({ fields }) => fields.version)
        .sort()
        .at(-1);
      const winner = records.find(({ leaf }) => Buffer.from(leaf).toString('hex') === held[0]);
      assert.equal(winner?.fields.version, greatest);
    }),
    { numRuns: 60 },
  );
});

test('an older record is not taken, and says so', async () => {
  const { table } = await openTable();
  assert.deepEqual(await table.accept([record({ ms: 5, value: 'new' })], 0), [true]);
  assert.deepEqual(
    await table.accept([record({ ms: 4, value: 'old' }), record({ ms: 5, value: 'new' })], 0),
    [false, false],
  );
  assert.deepEqual((await table.find(name()))?.record.value, bytes('new'));
});

test('a tombstone remembers what it took the place of', async () => {
  const { table } = await openTable();
  await table.accept([record({ ms: 1, value: 'v' })], 0);
  await table.accept([record({ ms: 2 })], 0);
  assert.equal((await table.find(name()))?.replaced?.live, true);
  await table.accept([record({ ms: 3 })], 0);
  assert.equal((await table.find(name()))?.replaced?.live, false);
  await table.accept([record({ key: 'e', ms: 1, value: 'v', expiresAt: 50 })], 0);
  await table.accept([record({ key: 'e', ms: 2 })], 50);
  assert.equal((await table.find(name('e')))?.replaced?.live, false);
  await table.accept([record({ key: 'fresh', ms: 2 })], 50);
  assert.equal((await table.find(name('fresh')))?.replaced, undefined);
});

test('a flipped bit is seen, and the same version mends it', async () => {
  const { store, table } = await openTable();
  const whole = record({ ms: 5, value: 'content' });
  for (const column of ['value', 'header']) {
    await table.accept([whole], 0);
    await store.write([{ sql: `UPDATE records SET ${column} = CAST(substr(${column}, 2) AS BLOB)` }]);
    assert.equal((await table.find(name()))?.damaged, true, column);
    assert.deepEqual(await table.accept([whole], 0), [false]);
    await table.markDamaged(name(), whole.fields.version);
    assert.deepEqual(await table.accept([record({ ms: 4, value: 'older' })], 0), [false]);
    assert.deepEqual(await table.accept([whole], 0), [true]);
    assert.equal((await table.find(name()))?.damaged, false);
  }
});

test('T13: % and _ in a prefix are literal, and so is every other byte', async () => {
  const { table } = await openTable();
  const keys = ['%', '%25', '_', '_x', 'a', 'a%b', 'a_b', 'axb', 'a*b', 'a?b', 'a[b', '\u00ff', '\u{10ffff}'];
  await table.accept(
    keys.map((key, i) => record({ key, ms: i + 1, value: key })),
    0,
  );
  const list = async (prefix: string) =>
    (await table.keys({ namespace: 'default/kv', prefix: bytes(prefix), after: undefined, limit: 100 })).map(
      ({ key }) => text(key),
    );
  assert.deepEqual(await list('%'), ['%', '%25']);
  assert.deepEqual(await list('_'), ['_', '_x']);
  assert.deepEqual(await list('a%'), ['a%b']);
  assert.deepEqual(await list('a_'), ['a_b']);
  assert.deepEqual(await list('a*'), ['a*b']);
  assert.deepEqual(
    await list(''),
    keys.toSorted((a, b) => compareBytes(bytes(a), bytes(b))),
  );
  assert.deepEqual(await list('A'), []);
});

test('a page of keys is what a plain filter gives', async () => {
  const letters = fc.array(
    fc.integer({ min: 0, max: 3 }).map((n) => [0x00, 0x61, 0xfe, 0xff][n] as number),
    { minLength: 1, maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(letters, { minLength: 1, maxLength: 20, selector: String }),
      letters,
      letters,
      fc.integer({ min: 1, max: 6 }),
      async (lists, prefixList, afterList, limit) => {
        const { store, table } = await openTable();
        const keys = lists.map((list) => Uint8Array.from(list));
        const prefix = Uint8Array.from(prefixList.slice(1));
        const after = Uint8Array.from(afterList);
        for (const [i, key] of keys.entries()) {
          const base = record({ ms: i + 1, value: 'v' });
          await table.accept([{ ...base, fields: { ...base.fields, key, partition: key } }], 0);
        }
        const got = await table.keys({
          namespace: 'default/kv',
          prefix,
          after: { key: after, partition: new Uint8Array(1_024).fill(255) },
          limit,
        });
        const expected = keys
          .filter(
            (key) => compareBytes(key, after) > 0 && compareBytes(key.slice(0, prefix.length), prefix) === 0,
          )
          .sort(compareBytes)
          .slice(0, limit);
        assert.deepEqual(
          got.map(({ key }) => [...key]),
          expected.map((key) => [...key]),
        );
        await store[Symbol.asyncDispose]();
      },
    ),
    { numRuns: 60 },
  );
});

test('the end of a prefix', () => {
  assert.deepEqual(endOf(Uint8Array.of(1, 2)), Uint8Array.of(1, 3));
  assert.deepEqual(endOf(Uint8Array.of(1, 0xff, 0xff)), Uint8Array.of(2));
  assert.equal(endOf(Uint8Array.of(0xff, 0xff)), null);
  assert.equal(endOf(new Uint8Array(0)), null);
});

test('an expired record keeps its version and loses its value', async () => {
  const { store, table } = await openTable();
  const commits = () => store.position().commits;
  await table.accept(
    [record({ ms: 1, value: 'v', expiresAt: 100 }), record({ key: 'stays', ms: 1, value: 'v' })],
    0,
  );
  const before = commits();
  await table.dropValues(await table.expired(99, undefined, 10), 99);
  assert.equal(commits(), before); // looking costs no commit
  const expired = await table.expired(100, undefined, 10);
  assert.deepEqual(
    expired.map(({ namespace, key, partition }) => ({ namespace, key, partition })),
    [name()],
  );
  assert.deepEqual(await table.expired(100, expired[0], 10), []);
  await table.dropValues(expired, 100);
  assert.deepEqual(await table.expired(100, undefined, 10), []);
  const held = await table.find(name());
  assert.equal(held?.record.value, null);
  assert.equal(held?.damaged, false);
  assert.equal(held?.version, record({ ms: 1, value: 'v' }).fields.version);
  assert.deepEqual((await table.find(name('stays')))?.record.value, bytes('v'));
});

test('leaves, slots and dropping keep to their slot', async () => {
  const { table } = await openTable();
  const records = ['a', 'b', 'c'].map((key, i) => record({ key, ms: 1, value: key, slot: i === 2 ? 9 : 4 }));
  await table.accept(records, 0);
  assert.deepEqual(await table.slots(3), [4, 9]);
  assert.deepEqual(await table.slots(7), []);
  const leaves = await table.leaves(3, 4, new Uint8Array(0), 10);
  assert.deepEqual(
    leaves.map((leaf) => Buffer.from(leaf).toString('hex')),
    records
      .slice(0, 2)
      .map(({ leaf }) => Buffer.from(leaf).toString('hex'))
      .sort(),
  );
  const [first] = leaves as [Uint8Array];
  assert.equal((await table.leaves(3, 4, first, 10)).length, 1);
  // One that was replaced meanwhile is not dropped with the others.
  await table.accept([record({ key: 'a', ms: 2, value: 'newer', slot: 4 })], 0);
  await table.drop(3, 4, leaves, { sql: 'DELETE FROM records_clock' });
  assert.deepEqual((await table.find(name('a')))?.record.value, bytes('newer'));
  assert.equal(await table.find(name('b')), undefined);
  assert.deepEqual(await table.slots(3), [4, 9]);
});

test('the bound of the clock never goes back', async () => {
  const { table } = await openTable();
  assert.equal(await table.reservedMs(), 0);
  await table.reserve(500);
  await table.reserve(400);
  assert.equal(await table.reservedMs(), 500);
});

test('both ends of a list are bounds of its index: what lies beside the prefix is not walked through', async () => {
  const { store } = await openTable();
  for (const [statement, params] of [
    [SELECT_KEYS, ['n', bytes('a'), bytes(''), bytes('b'), 9]],
    [SELECT_PARTITION, ['n', bytes('a'), bytes('b'), bytes('p'), 9]],
  ] as const) {
    const plan = await store.read<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`, params);
    const searches = plan.map(({ detail }) => detail).filter((detail) => detail.startsWith('SEARCH'));
    assert.ok(searches.length > 0);
    for (const search of searches) assert.match(search, /\bkey[<=]\?/, search);
  }
});
