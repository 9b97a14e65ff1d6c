import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createHybridClock, type Stamp } from './hybrid-clock.ts';

const NO_CEILING = { allows: () => true, pause: async () => {} };

function disk(initial = 0) {
  const state = { bound: initial, reservations: 0, time: 1_000_000, ceiling: Number.POSITIVE_INFINITY };
  const open = () =>
    createHybridClock(
      {
        now: () => state.time,
        reserve: async (boundMs) => {
          await Promise.resolve();
          state.bound = Math.max(state.bound, boundMs);
          state.reservations++;
        },
        ceiling: {
          allows: (ms) => ms <= state.ceiling,
          async pause() {
            if (state.time > state.ceiling) state.time -= 1_000;
            else throw new Error('too far ahead');
          },
        },
      },
      { reservedMs: state.bound },
    );
  return { state, open };
}

const isLess = (a: Stamp, b: Stamp) => a.ms < b.ms || (a.ms === b.ms && a.counter < b.counter);

test('stamps ascend whatever time does, over restarts, and never pass the bound on disk', async () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('take' as const), count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: -20_000, max: 20_000 }) }),
    fc.record({
      kind: fc.constant('observe' as const),
      ms: fc.integer({ min: -5_000, max: 9_000 }),
      counter: fc.integer({ min: 0, max: 0xffff }),
    }),
    fc.record({ kind: fc.constant('restart' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
      const { state, open } = disk();
      let clock = open();
      let last: Stamp = { ms: 0, counter: 0 };
      for (const step of actions) {
        if (step.kind === 'time') state.time = Math.max(1, state.time + step.ms);
        if (step.kind === 'restart') clock = open();
        if (step.kind === 'observe') {
          const seen = { ms: Math.max(0, state.time + step.ms), counter: step.counter };
          clock.observe(seen);
          const [next] = await clock.take(1);
          assert.ok(next && isLess(seen, next));
          assert.ok(isLess(last, next));
          last = next;
        }
        if (step.kind !== 'take') continue;
        for (const stamp of await clock.take(step.count)) {
          assert.ok(isLess(last, stamp), `${last.ms}.${last.counter} < ${stamp.ms}.${stamp.counter}`);
          assert.ok(stamp.ms < state.bound);
          last = stamp;
        }
      }
    }),
  );
});

test('a clock that is wrong for a moment reserves no time that is hours ahead', async () => {
  let bound = 0;
  let asked = 0;
  const clock = createHybridClock(
    {
      now: () => (asked++ === 0 ? 1_000_000 : 8_200_000),
      reserve: async (boundMs) => {
        bound = boundMs;
      },
      ceiling: { allows: (ms) => ms <= 1_010_000, pause: () => Promise.reject(new Error('too far ahead')) },
    },
    { reservedMs: 0 },
  );
  await assert.rejects(clock.take(1), /too far ahead/);
  assert.ok(bound <= 1_013_000, `${bound}`);
});

test('a full counter moves on to the next millisecond', async () => {
  const { state, open } = disk();
  const clock = open();
  clock.observe({ ms: state.time, counter: 0xffff });
  assert.deepEqual(await clock.take(1), [{ ms: state.time + 1, counter: 0 }]);
});

test('the disk is asked about once per reserved span, not per write', async () => {
  const { state, open } = disk();
  const clock = open();
  for (let i = 0; i < 3_000; i++) {
    state.time += 10;
    await clock.take(2);
  }
  assert.ok(
    state.reservations >= 10 && state.reservations <= 40,
    `${state.reservations} reservations in 30 s`,
  );
});

test('what cannot be reserved is not given', async () => {
  const clock = createHybridClock(
    { now: () => 5_000, reserve: () => Promise.reject(new Error('disk full')), ceiling: NO_CEILING },
    { reservedMs: 0 },
  );
  await assert.rejects(clock.take(1), /disk full/);
});

test('nothing beyond the ceiling is given or reserved; once the time is corrected there is no need', async () => {
  const { state, open } = disk();
  state.ceiling = state.time;
  state.time += 5_000;
  const clock = open();
  const [stamp] = await clock.take(1);
  assert.equal(stamp?.ms, state.ceiling);
  assert.ok(state.bound <= state.ceiling + 3_000);
  const { reservations } = state;
  clock.observe({ ms: state.ceiling + 1, counter: 0 });
  await assert.rejects(clock.take(1), /too far ahead/);
  assert.equal(state.reservations, reservations);
});
