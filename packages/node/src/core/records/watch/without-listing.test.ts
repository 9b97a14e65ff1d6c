/** A watch without a listing: only what changes after it was opened. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed, type Testbed } from '../testing/testbed.ts';
import { Watching } from '../testing/watching.ts';

async function until(bed: Testbed, holds: () => boolean, limitMs = 60_000): Promise<void> {
  await bed.clock.advanceUntil(holds, { stepMs: 1, limitMs });
}

async function started(bed: Testbed, index: number) {
  const watching = new Watching(bed, { listing: false });
  watching.start(index);
  await until(bed, () => watching.events.some(({ type }) => type === 'synced'));
  return watching;
}

test('what was deleted before is not told as alive by a replica that was away', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await bed.put(0, 'k', 'old');
  await bed.crash(2);
  await bed.remove(0, 'k');
  assert.equal(await bed.get(0, 'k'), undefined);
  const watching = await started(bed, 0);
  await bed.start(2);
  await bed.clock.advance(30_000);
  const told = watching.changes().filter((text) => text.includes('='));
  assert.ok(!told.includes('k=old'), told.join(' '));
  await watching.stop();
});
