/** One damaged row must not keep others of its slot, nor of other slots, from being compared. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed, nameOf, type Testbed } from '../testing/testbed.ts';

async function leaves(bed: Testbed, index: number): Promise<string[]> {
  const rows = await bed
    .node(index)
    .store.read<{ leaf: Uint8Array }>('SELECT leaf FROM records ORDER BY leaf LIMIT 100000');
  return rows.map(({ leaf }) => Buffer.from(leaf).toString('hex'));
}

test('a version that is no number any more keeps nothing else from being compared', async () => {
  await using bed = await createTestbed({ nodes: 2, slots: 8 });
  const put = (i: number) => bed.node(0).records.put({ ...nameOf(`key${i}`), value: new Uint8Array(1) });
  for (let i = 0; i < 1_600; i += 10) {
    await bed.run(Promise.all(Array.from({ length: 10 }, (_, j) => put(i + j))));
    await bed.clock.advance(5);
  }
  await bed.clock.advance(130_000);
  const before = await leaves(bed, 0);
  assert.deepEqual(await leaves(bed, 1), before);
  // In each slot one record of the one is damaged, and the other has lost one.
  for (let slot = 0; slot < 8; slot++) {
    const ids = 'SELECT id FROM records WHERE slot = ? ORDER BY version, leaf LIMIT 1 OFFSET';
    await bed.node(0).store.write([
      {
        sql: `UPDATE records SET version = 'p' || substr(version, 2) WHERE id = (${ids} 10)`,
        params: [slot],
      },
    ]);
    await bed.node(1).store.write([{ sql: `DELETE FROM records WHERE id = (${ids} 20)`, params: [slot] }]);
  }
  await bed.crash(1);
  await bed.start(1);
  await bed.clock.advance(10 * 60_000);
  assert.deepEqual(await leaves(bed, 1), before);
});
