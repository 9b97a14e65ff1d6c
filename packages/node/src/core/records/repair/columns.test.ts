/** A column of a row is damaged, and reading through the disk has not come to it yet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { count } from '../testing/strays.ts';
import { createTestbed, nameOf, type Testbed } from '../testing/testbed.ts';

const DAY_MS = 86_400_000;
const QUICK = { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 };

/** Among so many that it takes hours until it is found. */
async function damaged(index: number, set: string): Promise<Testbed> {
  const bed = await createTestbed({ nodes: 3, slots: 1, records: QUICK });
  for (let i = 0; i < 200; i++)
    await bed.put(0, `k${i}`, 'v', set.startsWith('expires_at') ? { ttlMs: 10 * DAY_MS } : {});
  await bed.clock.advance(1_000);
  const params = [new TextEncoder().encode('k50')];
  await bed.node(index).store.write([{ sql: `UPDATE records SET ${set} WHERE key = ?`, params }]);
  return bed;
}

for (const first of ['p', '4'])
  test(`what a damaged version lies beside is compared all the same: ${first}…`, async () => {
    await using bed = await damaged(1, `version = '${first}' || substr(version, 2)`);
    await bed.crash(1);
    for (let i = 0; i < 5; i++) await bed.put(0, `new${i}`, 'v');
    await bed.clock.advance(2_000);
    await bed.node(0).store.write([{ sql: 'DELETE FROM repair_hints' }]);
    await bed.start(1);
    await bed.clock.advance(300_000);
    assert.equal(await count(bed, 1, 'records'), 205);
  });

for (const first of ['p', '4'])
  for (const through of [0, 1])
    test(`a damaged version keeps no write out: ${first}… through node ${through}`, async () => {
      await using bed = await damaged(1, `version = '${first}' || substr(version, 2)`);
      await bed.put(through, 'k50', 'newer');
      for (const index of [0, 1, 2]) assert.equal(await bed.get(index, 'k50'), 'newer');
    });

for (const column of ['slot', 'replicas', 'tombstone', 'expires_at', 'namespace', 'key', 'leaf'])
  test(`what is alive is read, whatever its row says: ${column}`, async () => {
    const flipped = { namespace: "'default/kw'", key: "x'00'", leaf: "x'00'" }[column];
    await using bed = await damaged(1, `${column} = ${flipped ?? '1'}`);
    for (const _ of [1, 2]) {
      for (const index of [0, 1, 2]) assert.equal(await bed.get(index, 'k50'), 'v');
      await bed.clock.advance(200_000);
    }
  });

test('a list is taken from who holds an expiry that is none', async () => {
  await using bed = await damaged(1, 'expires_at = expires_at - (1 << 47)');
  await bed.crash(2);
  const prefix = new TextEncoder().encode('k');
  const listed = bed.node(0).records.scanAll({ namespace: 'default/kv', prefix, limit: 1_000 });
  assert.equal((await bed.run(listed)).keys.length, 200);
});

for (const first of [' ', 'p'])
  test(`what is older takes the place of nothing whose version is damaged: ${first}…`, async () => {
    await using bed = await damaged(1, 'damaged = 0');
    await bed.crash(2);
    await bed.put(0, 'k50', 'newer');
    await bed.clock.advance(2_000);
    const params = [new TextEncoder().encode('k50')];
    const sql = `UPDATE records SET version = '${first}' || substr(version, 2) WHERE key = ?`;
    await bed.node(1).store.write([{ sql, params }]);
    await bed.crash(0);
    await bed.start(2);
    await bed.clock.advance(200_000);
    // What comparing has met is mended by then.
    const found = await bed.get(1, 'k50').catch(({ code }) => code);
    assert.equal(found, first === ' ' ? 'newer' : 'RECORDS_QUORUM_LOST');
    await bed.start(0);
    await bed.clock.advance(200_000);
    for (const index of [0, 1, 2]) assert.equal(await bed.get(index, 'k50'), 'newer');
  });

test('what is newer takes the place of a record whose header is damaged where its version stands', async () => {
  await using bed = await createTestbed({ nodes: 3, slots: 1, records: { ...QUICK, scrubMs: 3_600_000 } });
  await bed.put(0, 'k50', 'v');
  await bed.clock.advance(1_000);
  const { store } = bed.node(1);
  const [row] = await store.read<{ header: Uint8Array; version: string }>('SELECT * FROM records');
  const header = Buffer.from(row?.header as Uint8Array);
  const at = header.indexOf(row?.version as string) + 3;
  header[at] = (header[at] as number) ^ 1;
  await store.write([{ sql: 'UPDATE records SET header = ?', params: [header] }]);
  await bed.put(0, 'k50', 'newer');
  await bed.clock.advance(3 * 3_600_000);
  const [after] = await store.read<{ damaged: number; version: string }>('SELECT * FROM records');
  const [other] = await bed.node(0).store.read<{ version: string }>('SELECT * FROM records');
  assert.deepEqual([after?.damaged, after?.version], [0, other?.version]);
  await bed.crash(0);
  assert.equal(await bed.get(2, 'k50'), 'newer');
});

test('a write that finds too few replicas, one of which keeps a damaged version, may be tried again', async () => {
  await using bed = await damaged(1, "version = 'p' || substr(version, 2)");
  await bed.crash(2);
  await assert.rejects(bed.put(0, 'k50', 'newer'), { code: 'RECORDS_QUORUM_LOST' });
  await bed.start(2);
  await bed.clock.advance(2_000);
  await bed.put(0, 'k50', 'newer');
  for (const index of [0, 1, 2]) assert.equal(await bed.get(index, 'k50'), 'newer');
});

test('so is a change of a register', async () => {
  await using bed = await createTestbed({ nodes: 3, slots: 1, registers: true, records: QUICK });
  const key = new TextEncoder().encode('k50');
  const name = { namespace: 'default/kv-cas', partition: key, key };
  const change = (index: number) =>
    bed.run(bed.node(index).records.registers.change({ ...name, value: key, condition: { kind: 'any' } }));
  for (let i = 0; i < 200; i++) await bed.put(0, `k${i}`, 'v');
  await change(0);
  await bed.clock.advance(1_000);
  const sql = "UPDATE records SET version = 'p' || substr(version, 2) WHERE namespace = 'default/kv-cas'";
  await bed.node(1).store.write([{ sql }]);
  await change(0);
  await bed.crash(2);
  // By what it knows from its last change, then by promises.
  for (const _ of [1, 2]) await assert.rejects(change(0), { code: 'RECORDS_QUORUM_LOST' });
});

for (const through of ['one', 'other', 'outsider'] as const)
  test(`a damaged version keeps nothing back that is read at the same time: through ${through}`, async () => {
    await using bed = await createTestbed({ nodes: 4, slots: 1, records: QUICK });
    for (let i = 0; i < 200; i++) await bed.put(0, `k${i}`, 'v');
    await bed.clock.advance(1_000);
    const [one, other, gone] = bed.replicasOf('k50') as [number, number, number];
    for (const index of [one, other]) {
      const params = [new TextEncoder().encode('k50')];
      const sql = "UPDATE records SET version = 'p' || substr(version, 2) WHERE key = ?";
      await bed.node(index).store.write([{ sql, params }]);
    }
    await bed.crash(gone);
    const keys = Array.from({ length: 20 }, (_, i) => `k${i + 40}`);
    const outsider = [0, 1, 2, 3].find((index) => ![one, other, gone].includes(index)) as number;
    const { records } = bed.node({ one, other, outsider }[through]);
    const read = (key: string) => records.get({ ...nameOf(key), consistency: 'quorum' });
    const found = await bed.run(Promise.allSettled(keys.map(read)));
    const lost = keys.filter((_, i) => found[i]?.status === 'rejected');
    assert.deepEqual(lost, ['k50']);
    const prefix = new TextEncoder().encode('k');
    const listed = records.scanAll({ namespace: 'default/kv', prefix, limit: 1_000 });
    assert.equal((await bed.run(listed)).keys.length, 200);
  });
