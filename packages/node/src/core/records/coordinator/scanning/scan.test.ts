import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareBytes, isP2posError } from '@p2pos/protocol';
import { createTestbed, decode, NAMESPACE, nameOf, type Testbed } from '../../testing/testbed.ts';

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

test('the keys of one partition are told by its replicas alone, in pages, and those of others never', async () => {
  await using bed = await createTestbed({ nodes: 5, registers: true });
  const home = bed.findKey((replicas) => !replicas.includes(4));
  const partition = bytes(home);
  const entries = Array.from({ length: 40 }, (_, i) => `e${String(i).padStart(2, '0')}`);
  const put = (key: string, at: Uint8Array) =>
    bed
      .node(0)
      .records.put({ namespace: NAMESPACE, partition: at, key: bytes(key), value: bytes(`of ${key}`) });
  await bed.run(
    Promise.all([...entries, home].flatMap((key) => [put(key, partition), put(key, bytes('elsewhere'))])),
  );
  await bed.run(
    bed.node(1).records.delete({ namespace: NAMESPACE, partition, key: bytes(entries[7] as string) }),
  );
  const left = [...entries.filter((_, i) => i !== 7), home].sort();

  const scanHome = (prefix: string, limit: number, after?: string) =>
    bed.run(
      bed.node(4).records.scan({
        namespace: NAMESPACE,
        partition,
        prefix: bytes(prefix),
        limit,
        ...(after !== undefined && { after: bytes(after) }),
      }),
    );
  for (const limit of [1, 7, 40, 100]) {
    const got: string[] = [];
    for (let after: string | undefined; ; after = got.at(-1)) {
      const { keys, more } = await scanHome('', limit, after);
      got.push(...keys.map(decode));
      if (!more) break;
      assert.equal(keys.length, limit);
    }
    assert.deepEqual(got, left, `pages of ${limit}`);
  }
  assert.deepEqual(
    (await scanHome('e1', 100)).keys.map(decode),
    left.filter((key) => key.startsWith('e1')),
  );

  // Who is no replica may be gone, two of the three may not.
  const replicas = bed.replicasOf(home);
  const other = [0, 1, 2, 3].find((index) => !replicas.includes(index)) as number;
  await bed.crash(other);
  await bed.crash(replicas[0] as number);
  assert.deepEqual((await scanHome('', 100)).keys.map(decode), left);
  await bed.crash(replicas[1] as number);
  await assert.rejects(scanHome('', 100), (error) => isP2posError(error, 'RECORDS_QUORUM_LOST'));
});

test('a partition of registers is scanned as they have agreed', async () => {
  await using bed = await createTestbed({ nodes: 4, registers: true });
  const partition = bytes('home');
  const { registers } = bed.node(0).records;
  for (const key of ['a', 'b', 'c']) {
    const name = { namespace: 'default/kv-cas', partition, key: bytes(key) };
    await bed.run(registers.change({ ...name, value: bytes(key), condition: { kind: 'absent' } }));
    if (key === 'b') await bed.run(registers.change({ ...name, value: null, condition: { kind: 'any' } }));
  }
  const input = { namespace: 'default/kv-cas', partition, prefix: bytes(''), limit: 10 };
  const { keys, more } = await bed.run(bed.node(3).records.registers.scan(input));
  assert.deepEqual([keys.map(decode), more], [['a', 'c'], false]);
  await assert.rejects(bed.node(3).records.scan(input), (error) => isP2posError(error, 'NAMESPACE_KIND'));
});

test('few replicas are asked, and one that hangs holds nobody up', async () => {
  const asked = new Map<number, number>();
  await using bed = await createTestbed({
    nodes: 3,
    sent: (from, size) => void asked.set(from, (asked.get(from) ?? 0) + size),
  });
  const keys = Array.from({ length: 40 }, (_, i) => `k${String(i).padStart(2, '0')}`);
  await putAll(bed, keys);
  await bed.run(bed.clock.advance(5_000));
  asked.clear();
  const startedAt = bed.clock.monotonic();
  for (let i = 0; i < 20; i++) assert.deepEqual((await scan(bed, 0, '', 100)).keys.map(decode), keys);
  const answers = [1, 2].map((index) => asked.get(index) ?? 0).sort((a, b) => a - b);
  // Of three replicas two are a majority: here, and the nearest.
  assert.ok((answers[0] as number) * 4 < (answers[1] as number), `${answers}`);
  assert.ok(bed.clock.monotonic() - startedAt < 200);

  for (const silent of [1, 2]) {
    bed.cut(0, silent);
    const at = bed.clock.monotonic();
    assert.deepEqual((await scan(bed, 0, '', 100)).keys.map(decode), keys);
    assert.ok(bed.clock.monotonic() - at < 1_000, `${bed.clock.monotonic() - at} ms`);
    await bed.heal();
  }
});

test('many deleted keys are passed over in few rounds, and a list that takes too long ends', async () => {
  let latencyMs = 1;
  await using bed = await createTestbed({
    nodes: 3,
    latencyMs: () => latencyMs,
    records: { readTimeoutMs: 1_000 },
  });
  const keys = Array.from({ length: 1_200 }, (_, i) => `k${String(i).padStart(4, '0')}`);
  await putAll(bed, ['first', ...keys, 'last']);
  await bed.run(Promise.all(keys.map((key) => bed.node(0).records.delete(nameOf(key)))));
  latencyMs = 20;
  const at = bed.clock.monotonic();
  assert.deepEqual((await scan(bed, 0, 'k', 1)).keys, []);
  assert.ok(bed.clock.monotonic() - at < 400, `${bed.clock.monotonic() - at} ms`);
  latencyMs = 200;
  const { keys: found, more } = await scan(bed, 0, '', 2);
  assert.deepEqual([found.map(decode), more], [['first'], true]);
  await assert.rejects(scan(bed, 0, 'k', 1), (error) => isP2posError(error, 'TIMEOUT'));
});
