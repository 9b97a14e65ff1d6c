import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createCorrectedTime } from './corrected-time.ts';

function setUp() {
  const clock = createManualClock();
  const state = { offset: 0 };
  const time = createCorrectedTime({ clock, clockOffsetMs: () => state.offset });
  return { clock, state, time };
}

test('the median offset of the members corrects the clock', () => {
  const { clock, state, time } = setUp();
  state.offset = 700;
  assert.equal(time.now(), clock.now() + 700);
});

test('a clock that jumps is not believed before the pings have had their say', async () => {
  const { clock, state, time } = setUp();
  const before = time.now();
  clock.jump(86_400_000);
  await clock.advance(1_000);
  assert.equal(time.now(), before + 1_000);
  state.offset = -86_400_000; // the pings have measured it
  await clock.advance(1_000);
  assert.equal(time.now(), before + 2_000);
});

test('a jump that no ping contradicts is taken as true in the end', async () => {
  const { clock, time } = setUp();
  const before = time.now();
  clock.jump(3_600_000); // the machine slept, say
  await clock.advance(1_000);
  assert.equal(time.now(), before + 1_000);
  await clock.advance(20_000);
  assert.equal(time.now(), before + 21_000 + 3_600_000);
});
