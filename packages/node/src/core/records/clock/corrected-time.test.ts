import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createCorrectedTime } from './corrected-time.ts';

const HOUR_MS = 3_600_000;

/** Members whose clocks are this much ahead of the truth, that have answered; the own one is `wrongMs` ahead at the start. */
function setUp({ wrongMs = 0, others = true } = {}) {
  const truth = createManualClock();
  const state = { wrongMs, asleepMs: 0, peers: [] as number[] };
  const clock = {
    now: () => truth.now() + state.wrongMs,
    monotonic: () => truth.monotonic() - state.asleepMs,
  };
  const time = createCorrectedTime({
    clock,
    clocks() {
      const offsets = state.peers.map((ahead) => ahead - state.wrongMs);
      const sorted = [0, ...offsets].sort((a, b) => a - b);
      const [only = 0] = offsets;
      return {
        answered: offsets.length,
        offsetMs: offsets.length < 2 ? only : (sorted[Math.floor(sorted.length / 2)] as number),
      };
    },
    isAlone: () => !others,
  });
  const errors = () => [time.now() - truth.now(), (time.earliest() ?? Number.NaN) - truth.now()];
  return { truth, state, time, errors };
}

test('a clock that is wrong at the start is right as soon as two members have told theirs', async () => {
  for (const wrongMs of [2 * HOUR_MS, -2 * HOUR_MS]) {
    const { truth, state, time, errors } = setUp({ wrongMs });
    assert.equal(time.earliest(), undefined);
    await truth.advance(500);
    state.peers = [0, 0];
    assert.deepEqual(errors(), [0, 0]);
  }
});

test('a jump of the own clock moves nothing while there is another to compare it with, nor where all are away', async () => {
  for (const peers of [[0, 0], [0]]) {
    const { truth, state, errors } = setUp();
    state.peers = peers;
    await truth.advance(1_000);
    assert.deepEqual(errors(), [0, 0]);
    state.wrongMs = 24 * HOUR_MS;
    await truth.advance(60_000);
    assert.deepEqual(errors(), [0, 0]);
    state.peers = [];
    await truth.advance(2 * HOUR_MS);
    assert.deepEqual(errors(), [0, 0]);
  }
});

test('after the machine slept, one member suffices to find the time again', async () => {
  const { truth, state, errors } = setUp();
  state.peers = [0];
  assert.deepEqual(errors(), [0, 0]);
  await truth.advance(HOUR_MS);
  state.asleepMs = HOUR_MS;
  assert.deepEqual(errors(), [0, 0]);
});

test('of two clocks that differ from the start on nobody knows which is right: the earlier is certain', () => {
  const { state, errors } = setUp({ wrongMs: 2 * HOUR_MS });
  state.peers = [0];
  assert.deepEqual(errors(), [2 * HOUR_MS, 0]);
  const behind = setUp();
  behind.state.peers = [2 * HOUR_MS];
  assert.deepEqual(behind.errors(), [0, 0]);
});

test('alone the own clock is believed', () => {
  const { state, errors } = setUp({ others: false });
  state.wrongMs = HOUR_MS;
  assert.deepEqual(errors(), [HOUR_MS, HOUR_MS]);
  state.wrongMs = 0;
  assert.deepEqual(errors(), [0, 0]);
});
