/** Who was removed by force and is listed again gives what it held, where those that were left have yet to tell of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { count, pass, QUICK } from '../../testing/strays.ts';
import { createTestbed } from '../../testing/testbed.ts';

const KEEP_MS = 120_000;

for (const breaks of [false, true]) {
  const end = breaks ? 'another loses its disk' : 'another is back too';
  test(`what it and another acknowledged is there when it is listed again, and ${end}`, async () => {
    await using bed = await createTestbed({ nodes: 4, records: { ...QUICK, keepDeletedMs: KEEP_MS } });
    const key = bed.findKey((replicas) => !replicas.includes(3));
    const [a, b, c] = bed.replicasOf(key) as [number, number, number];
    bed.partition([a, c, 3], [b]);
    await bed.put(a, key, 'v');
    await bed.crash(a);
    await bed.crash(c);
    await bed.node(3).store.write([{ sql: 'DELETE FROM repair_hints' }]);
    await bed.heal();
    await bed.clock.advance(1_000);
    // Nothing is named: of its three replicas two stay.
    const { slots } = await bed.run(bed.node(b).records.repair.lossOf([bed.node(c).peerId]));
    assert.equal(slots, 0);
    const without = await bed.snapshot(bed.members(a, b, 3), { force: true });
    for (const index of [b, 3]) await bed.give(index, without);
    await pass(bed, 5 * KEEP_MS);
    // It is found after all, with its disk; the other is still away.
    await bed.snapshot(bed.members(0, 1, 2, 3));
    await bed.start(c);
    await bed.settleMembership();
    await pass(bed, 60_000);
    if (breaks) bed.replaceDisk(a);
    await bed.start(a);
    await pass(bed, 120_000);
    assert.equal(await bed.get(b, key), 'v');
    assert.equal(await count(bed, c, 'repair_aside'), 0);
  });
}
