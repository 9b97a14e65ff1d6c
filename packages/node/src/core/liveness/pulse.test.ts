import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createPulseRecorder, middlesOf } from './pulse.ts';

test('the offset is that of the answer with the shortest way', async () => {
  const clock = createManualClock();
  const pulse = createPulseRecorder(clock);
  const wall = clock.now();
  pulse.answered(0, 100, wall + 50 + 7);
  pulse.answered(0, 900, wall + 100);
  assert.equal(pulse.offsetMs(), 7);
});

test('a jump of our own wall clock moves the offset at once by as much', () => {
  const clock = createManualClock();
  const pulse = createPulseRecorder(clock);
  pulse.answered(0, 0, clock.now());
  clock.jump(5_000);
  assert.equal(pulse.offsetMs(), -5_000);
});

test('a jump of the peer’s clock shows with its next answer, however long that took', () => {
  const clock = createManualClock();
  const pulse = createPulseRecorder(clock);
  const answer = (tripMs: number, offMs: number) =>
    pulse.answered(0, tripMs, clock.now() + tripMs / 2 + offMs);
  for (const tripMs of [2, 4, 6]) answer(tripMs, 7_200_000);
  assert.equal(pulse.offsetMs(), 7_200_000);
  answer(400, 0);
  assert.equal(pulse.offsetMs(), 0);
});

test('after a jump the first new answer counts alone', () => {
  const clock = createManualClock();
  const pulse = createPulseRecorder(clock);
  pulse.answered(0, 0, clock.now());
  pulse.forgetOffsets();
  assert.equal(pulse.offsetMs(), 0, 'until then the old one stands');
  pulse.answered(0, 50, clock.now() + 25 + 1_000);
  assert.equal(pulse.offsetMs(), 1_000);
});

test('a slow first answer does not show for long, a lasting change does', () => {
  const clock = createManualClock();
  const pulse = createPulseRecorder(clock);
  const answer = (tripMs: number) => pulse.answered(0, tripMs, clock.now());
  for (const tripMs of [900, 2, 2]) answer(tripMs);
  assert.equal(pulse.read().roundTripMs, 2);
  for (let i = 0; i < 40; i++) answer(50);
  assert.ok(Math.abs(pulse.read().roundTripMs - 50) < 2);
  answer(450);
  assert.ok(Math.abs(pulse.read().roundTripMs - 100) < 2, 'one eighth of a single one');
});

test('p95 is among the last 64 round trips and not below the median', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 200 }), (trips) => {
      const clock = createManualClock();
      const pulse = createPulseRecorder(clock);
      for (const trip of trips) pulse.answered(0, trip, clock.now());
      const last = trips.slice(-64).toSorted((a, b) => a - b);
      const { p95Ms } = pulse.read();
      assert.ok(last.includes(p95Ms));
      assert.ok(last.filter((trip) => trip <= p95Ms).length >= 0.95 * last.length);
    }),
  );
});

test('the median is between the values, and half of them alone move it nowhere', () => {
  assert.equal(middlesOf([]).near, 0);
  assert.equal(middlesOf([0, 0, 900, 900]).near, 0);
  assert.equal(middlesOf([0, 0, 900, 900]).far, 900);
  assert.equal(middlesOf([0, -900, -900]).near, -900);
  assert.equal(middlesOf([-5, 3]).near, 3);
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
      const { near: median } = middlesOf(values);
      assert.ok(values.includes(median));
      assert.ok(values.filter((value) => value <= median).length * 2 >= values.length);
      assert.ok(values.filter((value) => value >= median).length * 2 >= values.length);
    }),
  );
});
