/** A watch through a node whose clock is wrong until others tell it the time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed } from '../testing/testbed.ts';
import { Watching } from '../testing/watching.ts';

const AHEAD_MS = 7_200_000;

test('what lives for a while is told by a node whose clock is ahead until others tell the time', async () => {
  let skewMs = 0;
  let answered = 2;
  await using bed = await createTestbed({
    nodes: 3,
    skewMs: (i) => (i === 0 ? skewMs : 0),
    clocks: (i) =>
      i === 0 ? { answered, offsetMs: answered > 0 ? -skewMs : 0 } : { answered: 2, offsetMs: 0 },
  });
  await bed.put(1, 'k', 'here', { ttlMs: 3_600_000 });
  await bed.put(1, 'other', 'here');
  await bed.crash(0);
  [skewMs, answered] = [AHEAD_MS, 0];
  await bed.start(0);
  using _told = bed.clock.after(500, () => {
    answered = 2;
  });
  const watching = new Watching(bed);
  watching.start(0);
  await bed.clock.advance(30_000);
  assert.equal(await bed.get(0, 'k'), 'here');
  assert.deepEqual(watching.alive(), { k: 'here', other: 'here' });
  await watching.stop();
});

test('a watch that goes on there does not tell that it is gone', async () => {
  let skewMs = 0;
  let answered = 2;
  await using bed = await createTestbed({
    nodes: 3,
    skewMs: (i) => (i === 0 ? skewMs : 0),
    clocks: (i) =>
      i === 0 ? { answered, offsetMs: answered > 0 ? -skewMs : 0 } : { answered: 2, offsetMs: 0 },
  });
  const watching = new Watching(bed);
  watching.start(1);
  await bed.clock.advance(2_000);
  await watching.stop();
  await bed.crash(0);
  await bed.put(1, 'k', 'here', { ttlMs: 3_600_000 });
  [skewMs, answered] = [AHEAD_MS, 0];
  await bed.start(0);
  using _told = bed.clock.after(500, () => {
    answered = 2;
  });
  watching.start(0);
  await bed.clock.advance(30_000);
  assert.deepEqual(watching.alive(), { k: 'here' });
  await watching.stop();
});
