import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed, type Testbed } from '../testing/testbed.ts';

const QUICK = { writeTimeoutMs: 1_000, readTimeoutMs: 2_000 };

async function bedOf(nodes: number, slots = 64) {
  const sent = new Map<number, number>();
  const bed = await createTestbed({
    nodes,
    slots,
    records: QUICK,
    sent: (from, bytes) => sent.set(from, (sent.get(from) ?? 0) + bytes),
  });
  const total = () => [...sent.values()].reduce((sum, bytes) => sum + bytes, 0);
  return { bed, sent, total };
}

async function putAll(bed: Testbed, from: number, count: number, value: string, nodes = [0]) {
  const puts = [];
  for (let i = from; i < from + count; i++) {
    const index = nodes[i % nodes.length] as number;
    puts.push(
      bed.node(index).records.put({
        namespace: 'default/kv',
        partition: new TextEncoder().encode(`k${i}`),
        key: new TextEncoder().encode(`k${i}`),
        value: new TextEncoder().encode(value),
      }),
    );
    if (puts.length === 500) await bed.run(Promise.all(puts.splice(0)));
  }
  await bed.run(Promise.all(puts));
}

async function leaves(bed: Testbed, index: number): Promise<string[]> {
  const rows = await bed
    .node(index)
    .store.read<{ leaf: Uint8Array }>('SELECT leaf FROM records ORDER BY leaf LIMIT 100000');
  return rows.map(({ leaf }) => Buffer.from(leaf).toString('hex'));
}

test('replicas that differ in a few of many records reconcile for few bytes', async () => {
  const { bed, total } = await bedOf(3);
  await using _ = bed;
  await putAll(bed, 0, 3_000, 'v'.repeat(200));
  assert.equal(await bed.run(bed.node(0).records.repair.round()), true);
  // Written while node 2 is out of reach, and while node 0 is.
  bed.partition([0, 1], [2]);
  await putAll(bed, 3_000, 5, 'v'.repeat(200));
  await bed.heal();
  bed.partition([1, 2], [0]);
  await putAll(bed, 3_005, 5, 'v'.repeat(200), [1]);
  await bed.heal();
  assert.notDeepEqual(await leaves(bed, 0), await leaves(bed, 2));
  const before = total();
  await bed.run(bed.node(0).records.repair.round());
  const bytes = total() - before;
  assert.deepEqual(await leaves(bed, 0), await leaves(bed, 2));
  assert.equal((await leaves(bed, 0)).length, 3_010);
  assert.ok(bytes < 40_000, `${bytes} bytes with two peers`);
});

test('while nothing changes, comparing costs less than 1 KB a second a node, headers and liveness apart', async () => {
  const { bed, sent } = await bedOf(5);
  await using _ = bed;
  await putAll(bed, 0, 500, 'v');
  await bed.clock.advance(130_000);
  const before = new Map(sent);
  await bed.clock.advance(300_000);
  for (const [index, bytes] of sent) {
    const perSecond = (bytes - (before.get(index) ?? 0)) / 300;
    assert.ok(perSecond > 0 && perSecond < 1_000, `node ${index}: ${perSecond} bytes a second`);
  }
});

test('a lost disk is filled again for at most 1.2 bytes sent a byte missing', async () => {
  const { bed, total } = await bedOf(3);
  await using _ = bed;
  await putAll(bed, 0, 2_000, 'v'.repeat(1_024));
  await bed.crash(2);
  bed.replaceDisk(2);
  const before = total();
  await bed.start(2);
  await bed.settleStanding();
  const [row] = await bed
    .node(2)
    .store.read<{ n: number; bytes: number }>(
      'SELECT count(*) AS n, sum(length(header) + length(value) + length(proof)) AS bytes FROM records',
    );
  assert.equal(row?.n, 2_000);
  const share = (total() - before) / (row?.bytes ?? 0);
  assert.ok(share <= 1.2, `${share} bytes sent for each that was missing`);
});

test('what a partition kept apart is the same everywhere within a minute after it', async () => {
  const { bed } = await bedOf(5);
  await using _ = bed;
  await putAll(bed, 0, 100, 'before');
  bed.partition([0, 1, 2, 3], [4]);
  await putAll(bed, 100, 100, 'meanwhile').catch(() => {});
  await bed.heal();
  await bed.clock.advance(90_000);
  for (let index = 0; index < 5; index++)
    assert.equal(await bed.run(bed.node(index).records.repair.round()), true, `node ${index}`);
});
