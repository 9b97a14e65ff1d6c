import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createOwnWatch } from './twin.ts';

test('echoes of an earlier life prove nothing, however many come', async () => {
  const clock = createManualClock();
  const start = clock.now();
  const watch = createOwnWatch(clock, () => clock.now());
  for (let ago = 300_000; ago >= 0; ago -= 15_000) {
    assert.equal(watch.met(start - ago), false);
    await clock.advance(20_000);
  }
});

test('a process that goes on signing lives', async () => {
  const clock = createManualClock();
  const watch = createOwnWatch(clock, () => clock.now());
  await clock.advance(15_000);
  assert.equal(watch.met(clock.now()), false, 'one may be an echo');
  assert.equal(watch.met(clock.now() + 20_000), false, 'two at once too');
  await clock.advance(30_000);
  assert.equal(watch.met(clock.now()), true);
});

test('echoes that looked new while our clock was behind are judged again once it is corrected', async () => {
  const clock = createManualClock();
  let behindMs = 60_000;
  const watch = createOwnWatch(clock, () => clock.now() - behindMs);
  const start = clock.now();
  assert.equal(watch.met(start - 20_000), false);
  await clock.advance(12_000);
  behindMs = 0;
  assert.equal(watch.met(start + 10_500), false, 'an echo no more, but the first that counts');
});
