import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/manual-clock.ts';
import { watchMemory } from './memory.ts';

const MIB = 1_048_576;

test('memory that grows is told, peaks between collections are not, and too much is told at once', async () => {
  const clock = createManualClock();
  let resident = 200 * MIB;
  using watch = watchMemory({ clock, residentBytes: () => resident }, { warnBytes: 1_024 * MIB });
  const found = () => watch.run().status;
  for (let minute = 0; minute < 60; minute++) {
    resident = (minute % 5 === 0 ? 210 : 600) * MIB;
    await clock.advance(60_000);
  }
  assert.equal(found(), 'ok');
  for (let minute = 0; minute < 60; minute++) {
    resident = (210 + minute * 4 + (minute % 5 === 0 ? 0 : 300)) * MIB;
    await clock.advance(60_000);
  }
  assert.equal(found(), 'degraded');
  assert.match(watch.run().detail, /Memory grows: 210 MiB became \d+ MiB/);
  resident = 2_000 * MIB;
  assert.match(watch.run().detail, /more than node\.memory_warn_bytes \(1024 MiB\)/);
});
