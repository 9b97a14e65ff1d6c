/** Damage on the disk is found by reading through it, and mended from the record itself or from another replica. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { storeThrough } from '../../../testing/store-through.ts';
import { count, plant, recordsOf } from '../testing/strays.ts';
import { createTestbed, type Testbed } from '../testing/testbed.ts';

const HOUR_MS = 3_600_000;
const QUICK = { records: { scrubMs: HOUR_MS } };

interface Row {
  [column: string]: string | number | Uint8Array | null;
}

async function rowOf(bed: Testbed, index: number): Promise<Row> {
  const [row] = await bed.node(index).store.read<Row>('SELECT * FROM records');
  return { ...row };
}

function flip(value: string | number | Uint8Array | null): string | number | Uint8Array {
  if (typeof value === 'number') return value ^ 4;
  if (typeof value === 'string')
    return `${value.slice(0, 3)}${value[3] === '0' ? '4' : '0'}${value.slice(4)}`;
  const bytes = new Uint8Array(value ?? []);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] as number) ^ 16;
  return bytes;
}

for (const column of [
  'value',
  'header',
  'proof',
  'key',
  'version',
  'leaf',
  'slot',
  'namespace',
  'tombstone',
]) {
  test(`a flipped bit in ${column} is found and mended`, async () => {
    await using bed = await createTestbed({ nodes: 3, ...QUICK });
    await bed.put(0, 'key', 'of great worth');
    await bed.clock.advance(1_000);
    const before = await rowOf(bed, 1);
    const { store } = bed.node(1);
    const damaged = flip(before[column] as Uint8Array);
    await store.write([{ sql: `UPDATE records SET ${column} = ?`, params: [damaged] }]);
    assert.equal(await bed.get(1, 'key'), 'of great worth');
    await bed.clock.advance(2 * HOUR_MS);
    const after = await rowOf(bed, 1);
    for (const name of [
      'value',
      'header',
      'proof',
      'key',
      'partition',
      'version',
      'leaf',
      'slot',
      'namespace',
      'tombstone',
      'damaged',
    ])
      assert.deepEqual(after[name], before[name], name);
    const [rows] = await store.read<{ n: number }>('SELECT count(*) AS n FROM records');
    assert.equal(rows?.n, 1);
  });
}

test('so is one that leaves a version which is no text', async () => {
  await using bed = await createTestbed({ nodes: 3, ...QUICK });
  await bed.put(0, 'key', 'v');
  await bed.clock.advance(1_000);
  const { version } = await rowOf(bed, 1);
  const damaged = "CAST(x'b0' || CAST(substr(version, 2) AS BLOB) AS TEXT)";
  await bed.node(1).store.write([{ sql: `UPDATE records SET version = ${damaged}` }]);
  assert.notEqual((await rowOf(bed, 1))['version'], version);
  await bed.clock.advance(2 * HOUR_MS);
  assert.equal((await rowOf(bed, 1))['version'], version);
});

for (const use of ['read', 'write'] as const)
  test(`what a ${use} meets damaged is mended soon, however long reading through all takes`, async () => {
    await using bed = await createTestbed({ nodes: 3, records: { scrubMs: 1_000 * HOUR_MS } });
    for (const key of ['first', 'key', 'last']) await bed.put(0, key, 'v');
    await bed.clock.advance(1_000);
    const { store } = bed.node(1);
    const bad = "version = 'p' || substr(version, 2)";
    await store.write([
      { sql: `UPDATE records SET ${bad} WHERE key = ?`, params: [new TextEncoder().encode('key')] },
    ]);
    if (use === 'read') await bed.get(1, 'key');
    else await bed.put(0, 'key', 'newer');
    await bed.clock.advance(130_000);
    const rows = await store.read(`SELECT 1 FROM records WHERE damaged OR version NOT LIKE '0%'`);
    assert.deepEqual(rows, []);
    await bed.crash(0);
    assert.equal(await bed.get(2, 'key'), use === 'read' ? 'v' : 'newer');
  });

test('what cannot be read, or not be mended, hides nothing beside it', async () => {
  let bad = Number.POSITIVE_INFINITY;
  const corrupt = () => new P2posError('STORE_CORRUPT', { file: 'of the test', reason: 'a damaged page' });
  await using bed = await createTestbed({
    nodes: 3,
    ...QUICK,
    wrapStore: (index, store) =>
      storeThrough(store, {
        async read(sql, params = []) {
          const [after, end] = params as [number, number];
          if (index === 1 && sql.includes('id > ? AND id <= ?') && after < bad && bad <= end) throw corrupt();
          return store.read(sql, params);
        },
        async write(statements) {
          if (index === 1 && statements.some(({ params }) => params?.[0] === bad + 1)) throw corrupt();
          return store.write(statements);
        },
      }),
  });
  for (let i = 0; i < 300; i++) await bed.put(0, `key${i}`, 'v');
  await bed.clock.advance(1_000);
  bad = 150;
  const { store } = bed.node(1);
  const ids = [20, bad - 1, bad + 1, bad + 2, 280];
  await store.write([{ sql: `UPDATE records SET slot = slot + 64 WHERE id IN (${ids})` }]);
  await bed.clock.advance(3 * HOUR_MS);
  assert.deepEqual(await store.read('SELECT id FROM records WHERE slot >= 64'), [{ id: bad + 1 }]);
});

test('a damaged record that is let go before it can be mended does not come back', async () => {
  let dropped = 0;
  await using bed = await createTestbed({
    nodes: 3,
    ...QUICK,
    wrapStore: (index, store) =>
      storeThrough(store, {
        async write(statements) {
          const mends = statements.length === 2 && statements[0]?.sql.startsWith('DELETE FROM records');
          if (index === 1 && mends) {
            dropped++;
            await store.write([{ sql: 'DELETE FROM records' }]);
          }
          return store.write(statements);
        },
      }),
  });
  await bed.put(0, 'key', 'v');
  await bed.clock.advance(1_000);
  for (const other of [0, 2]) bed.cut(1, other);
  const { store } = bed.node(1);
  await store.write([{ sql: 'UPDATE records SET slot = slot + 1' }]);
  await bed.clock.advance(2 * HOUR_MS);
  assert.equal(dropped, 1);
  assert.deepEqual(await store.read('SELECT 1 FROM records'), []);
});

test('nothing that is whole is written', async () => {
  await using bed = await createTestbed({ nodes: 3, registers: true, ...QUICK });
  const utf8 = new TextEncoder();
  for (let i = 0; i < 20; i++) await bed.put(0, `key${i}`, 'v', i % 2 ? { ttlMs: 60_000 } : {});
  for (let i = 0; i < 5; i++) await bed.remove(0, `key${i}`);
  const register = { namespace: 'default/kv-cas', partition: utf8.encode('r'), key: utf8.encode('r') };
  const change = (value: Uint8Array | null) =>
    bed.run(bed.node(0).records.registers.change({ ...register, value, condition: { kind: 'any' } }));
  await change(utf8.encode('one'));
  await change(null);
  await bed.clock.advance(10 * 60_000);
  const position = async () =>
    (
      await bed.node(1).store.read<{ p: number }>('SELECT max(position) AS p, sum(damaged) AS d FROM records')
    )[0];
  const before = await position();
  await bed.clock.advance(2 * HOUR_MS);
  assert.deepEqual(await position(), before);
});

test('records of the greatest size are read through too', async () => {
  await using bed = await createTestbed({ nodes: 3, records: { scrubMs: 60_000 } });
  const value = 'v'.repeat(65_536);
  for (let i = 0; i < 27; i++)
    await Promise.all(Array.from({ length: 10 }, (_, j) => bed.put(0, `key${i * 10 + j}`, value)));
  await bed.clock.advance(1_000);
  const { store } = bed.node(1);
  await store.write([{ sql: "UPDATE records SET value = x'00' WHERE id = (SELECT min(id) FROM records)" }]);
  await bed.clock.advance(200_000);
  const short = 'SELECT count(*) AS short FROM records WHERE length(value) < 65536';
  assert.deepEqual(await store.read(short), [{ short: 0 }]);
});

test('a damaged deletion that everybody else has forgotten is set aside, and holds back no other', async () => {
  const keepDeletedMs = 2 * HOUR_MS;
  await using bed = await createTestbed({ nodes: 3, records: { scrubMs: HOUR_MS, keepDeletedMs } });
  await bed.put(0, 'key', 'v');
  await bed.remove(0, 'key');
  await bed.clock.advance(1_000);
  const row = await rowOf(bed, 1);
  await bed.clock.advance(keepDeletedMs + HOUR_MS);
  const count = async (table: string) => (await bed.node(1).store.read(`SELECT 1 FROM ${table}`)).length;
  assert.equal(await count('records'), 0);
  const header = flip(row['header'] as Uint8Array);
  const names = Object.keys(row);
  const sql = `INSERT INTO records (${names}) VALUES (${names.map(() => '?')})`;
  await bed.node(1).store.write([{ sql, params: Object.values({ ...row, header }) }]);
  await bed.clock.advance(2 * HOUR_MS);
  assert.deepEqual([await count('records'), await count('repair_aside')], [0, 1]);
  assert.equal(await bed.get(1, 'key'), undefined);
});

for (const deleted of [false, true]) {
  const what = deleted ? 'deletion' : 'value';
  test(`a damaged ${what} that one alone took gives way to what everybody else holds`, async () => {
    await using bed = await createTestbed({ nodes: 3, ...QUICK });
    await bed.put(0, 'key', 'v');
    await bed.clock.advance(1_000);
    await plant(bed, 1, await recordsOf(bed, ['key'], 0, { deleted }));
    const { proof } = await rowOf(bed, 1);
    const sql = 'UPDATE records SET proof = ?';
    await bed.node(1).store.write([{ sql, params: [flip(proof as Uint8Array)] }]);
    await bed.clock.advance(2 * HOUR_MS);
    assert.equal(await bed.get(1, 'key'), 'v');
    for (const index of [0, 1, 2]) assert.equal((await rowOf(bed, index))['damaged'], 0);
    assert.equal(await bed.run(bed.node(1).records.repair.round()), true);
    assert.equal(await count(bed, 1, 'repair_aside'), 1);
  });
}

test('it stays as long as one of them has not told that it has nothing newer', async () => {
  await using bed = await createTestbed({ nodes: 3, ...QUICK });
  await bed.put(0, 'key', 'v');
  await bed.clock.advance(1_000);
  await bed.crash(2);
  await bed.put(1, 'key', 'newer');
  await bed.crash(0);
  const { proof } = await rowOf(bed, 1);
  await bed
    .node(1)
    .store.write([
      { sql: 'UPDATE records SET proof = ?', params: [flip(proof as Uint8Array)] },
      { sql: 'DELETE FROM repair_hints' },
    ]);
  await bed.start(2);
  await bed.clock.advance(2 * HOUR_MS);
  assert.notEqual((await rowOf(bed, 1))['damaged'], 0);
  await bed.start(0);
  await bed.clock.advance(2 * HOUR_MS);
  assert.equal((await rowOf(bed, 1))['damaged'], 0);
  assert.equal(await bed.get(1, 'key'), 'newer');
});

test('who was removed by force is not waited for, so that its slot can be copied', async () => {
  await using bed = await createTestbed({ nodes: 4, records: { scrubMs: 60_000 } });
  const key = bed.findKey((replicas) => !replicas.includes(3));
  const [one, , gone] = bed.replicasOf(key) as [number, number, number];
  await bed.put(3, key, 'v');
  await bed.clock.advance(1_000);
  await plant(bed, one, await recordsOf(bed, [key], 0));
  const { proof } = await rowOf(bed, one);
  await bed
    .node(one)
    .store.write([{ sql: 'UPDATE records SET proof = ?', params: [flip(proof as Uint8Array)] }]);
  await bed.crash(gone);
  const stays = [0, 1, 2, 3].filter((index) => index !== gone);
  await bed.giveAll(await bed.snapshot(bed.members(...stays), { force: true }));
  await bed.clock.advance(HOUR_MS);
  for (const index of stays) assert.deepEqual(bed.node(index).records.moves(), { open: 0, unsettled: 0 });
  assert.equal(await bed.get(3, key), 'v');
});
