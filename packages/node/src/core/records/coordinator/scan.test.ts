import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareBytes, isP2posError } from '@p2pos/protocol';
import { createTestbed, decode, NAMESPACE, nameOf, type Testbed } from '../testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

function scan(
  bed: Testbed,
  from: number,
  prefix: string,
  limit: number,
  more: { after?: Uint8Array; partial?: boolean } = {},
) {
  return bed.run(
    bed.node(from).records.scanAll({ namespace: NAMESPACE, prefix: bytes(prefix), limit, ...more }),
  );
}

async function putAll(bed: Testbed, keys: readonly string[]): Promise<void> {
  await bed.run(
    Promise.all(
      keys.map((key, i) => bed.node(i % bed.size).records.put({ ...nameOf(key), value: bytes(key) })),
    ),
  );
}

test('pages in byte order give every key once, whatever their size', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  const keys = Array.from({ length: 137 }, (_, i) => `dir/${(i * 7919) % 1_000}`);
  await putAll(bed, [...keys, 'other', 'dis', 'dj']);
  const sorted = keys.toSorted((a, b) => compareBytes(bytes(a), bytes(b)));
  for (const limit of [1, 10, 136, 137, 500]) {
    const got: string[] = [];
    let after: Uint8Array | undefined;
    for (let pages = 0; pages <= 140; pages++) {
      const page = await scan(bed, 1, 'dir/', limit, after ? { after } : {});
      assert.ok(page.keys.length <= limit);
      got.push(...page.keys.map(decode));
      after = page.keys.at(-1);
      if (!page.more) break;
      assert.equal(page.keys.length, limit);
    }
    assert.deepEqual(got, sorted, `pages of ${limit}`);
  }
});

test('where some replicas hold far more keys than others, no page skips or repeats', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  const names = Array.from({ length: 3_000 }, (_, i) => `n${String(i).padStart(4, '0')}`);
  const setOf = (name: string) => bed.replicasOf(name).sort().join('');
  const dense = names.filter((name) => setOf(name) === '012').slice(0, 200);
  const sparse = names.filter((name) => /3.*4/.test(setOf(name))).filter((_, i) => i % 30 === 0);
  assert.ok(dense.length === 200 && sparse.length > 5);
  await putAll(bed, [...dense, ...sparse]);
  const expected = [...dense, ...sparse].sort();
  const page = await scan(bed, 4, '', 150);
  assert.deepEqual(page.keys.map(decode), expected.slice(0, 150));
  const rest = await scan(bed, 4, '', 150, { after: page.keys.at(-1) as Uint8Array });
  assert.deepEqual(rest.keys.map(decode), expected.slice(150));
});

test('T13: % and _ in a prefix are literal through every node', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await putAll(bed, ['%a', '_a', 'xa', '%', 'a%b', 'aXb']);
  assert.deepEqual((await scan(bed, 0, '%', 10)).keys.map(decode), ['%', '%a']);
  assert.deepEqual((await scan(bed, 1, '_', 10)).keys.map(decode), ['_a']);
  assert.deepEqual((await scan(bed, 2, 'a%', 10)).keys.map(decode), ['a%b']);
});

test('T23: entries that all nodes add to one list at the same moment are all there', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  const keys = Array.from({ length: 100 }, (_, i) => `index/${String(i).padStart(3, '0')}`);
  await putAll(bed, keys);
  for (const node of [0, 3]) assert.deepEqual((await scan(bed, node, 'index/', 500)).keys.map(decode), keys);
});

test('deleted keys stay away even where a replica missed the delete', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await putAll(bed, ['a', 'b', 'c']);
  await bed.crash(2);
  await bed.remove(0, 'b');
  await bed.start(2);
  for (let i = 0; i < 3; i++) assert.deepEqual((await scan(bed, i, '', 10)).keys.map(decode), ['a', 'c']);
});

test('a page full of tombstones does not end the list', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  const keys = Array.from({ length: 80 }, (_, i) => `k${String(i).padStart(3, '0')}`);
  await putAll(bed, keys);
  for (const key of keys.slice(0, 70)) await bed.remove(0, key);
  const page = await scan(bed, 1, '', 5);
  assert.deepEqual(page.keys.map(decode), keys.slice(70, 75));
  assert.equal(page.more, true);
});

test('slots without a majority fail the list, or are named with partial', async () => {
  await using bed = await createTestbed({ nodes: 5, records: { readTimeoutMs: 1_000 } });
  const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
  await putAll(bed, keys);
  const lost = keys.filter(
    (key) => bed.replicasOf(key).filter((index) => index === 3 || index === 4).length >= 2,
  );
  const kept = keys.filter((key) => !lost.includes(key));
  assert.ok(lost.length > 0 && kept.length > 0);
  const slotsOfLost = new Set(lost.map((key) => bed.node(0).records.locate(nameOf(key)).slot));
  await bed.crash(3);
  assert.equal((await scan(bed, 0, '', 100)).keys.length, 60);
  await bed.crash(4);
  await assert.rejects(scan(bed, 0, '', 100), (error) => isP2posError(error, 'RECORDS_QUORUM_LOST'));
  const page = await scan(bed, 0, '', 100, { partial: true });
  assert.deepEqual(page.keys.map(decode), kept.toSorted());
  for (const slot of slotsOfLost) assert.ok(page.missingSlots.includes(slot));
});

test('one key in two partitions is listed once', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  for (const partition of ['p1', 'p2', 'p3']) {
    const name = { namespace: NAMESPACE, partition: bytes(partition), key: bytes('same') };
    await bed.run(bed.node(0).records.put({ ...name, value: bytes('v') }));
  }
  await putAll(bed, ['same', 'z']);
  const first = await scan(bed, 0, '', 1);
  assert.deepEqual(first.keys.map(decode), ['same']);
  assert.equal(first.more, true);
  const second = await scan(bed, 0, '', 5, { after: first.keys[0] as Uint8Array });
  assert.deepEqual(second.keys.map(decode), ['z']);
});
