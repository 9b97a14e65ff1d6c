import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createSystemClock, deadline, sleep } from './index.ts';

test('sleep resolves when its time has come and not before', async () => {
  const clock = createManualClock();
  let woke = false;
  const sleeping = sleep(clock, 1_000).then(() => {
    woke = true;
  });
  await clock.advance(999);
  assert.equal(woke, false);
  await clock.advance(1);
  await sleeping;
});

test('sleep ends with the reason of its signal and leaves neither timer nor listener', async () => {
  const clock = createManualClock();
  const controller = new AbortController();
  const removed = mock.method(controller.signal, 'removeEventListener');
  await Promise.all([sleep(clock, 1, { signal: controller.signal }), clock.advance(1)]);
  assert.equal(removed.mock.callCount(), 1);
  const sleeping = assert.rejects(sleep(clock, 1_000, { signal: controller.signal }), /enough/);
  controller.abort(new Error('enough'));
  await sleeping;
  assert.equal(clock.pending(), 0);
  await assert.rejects(sleep(clock, 1_000, { signal: controller.signal }), /enough/);
});

test('a deadline aborts with TIMEOUT, naming what was waited for', async () => {
  const clock = createManualClock();
  using limit = deadline(clock, 500, { what: 'node0' });
  await clock.advance(500);
  assert.ok(isP2posError(limit.signal.reason, 'TIMEOUT'));
  assert.match(limit.signal.reason.message, /node0 did not answer within 500 ms/);
});

test("a deadline follows its parent's end, also one that has come already", () => {
  const clock = createManualClock();
  const parent = new AbortController();
  using before = deadline(clock, 500, { what: 'x', signal: parent.signal });
  parent.abort(new Error('gone'));
  using after = deadline(clock, 500, { what: 'x', signal: parent.signal });
  for (const { signal } of [before, after]) assert.match(String(signal.reason), /gone/);
});

test('a disposed deadline keeps no timer and aborts no more', async () => {
  const clock = createManualClock();
  const parent = new AbortController();
  const limit = deadline(clock, 500, { what: 'x', signal: parent.signal });
  limit[Symbol.dispose]();
  parent.abort();
  await clock.advance(1_000);
  assert.equal(limit.signal.aborted, false);
  assert.equal(clock.pending(), 0);
});

test("the machine's clock runs, goes forward, and calls once unless cancelled", async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 5_000 });
  const clock = createSystemClock();
  assert.equal(clock.now(), 5_000);
  const before = clock.monotonic();
  assert.ok(clock.monotonic() >= before);
  let calls = 0;
  clock.after(100, () => calls++);
  clock.after(100, () => calls++)[Symbol.dispose]();
  t.mock.timers.tick(1_000);
  assert.equal(calls, 1);
});

test('a wait longer than a timer of the machine can be does not end early', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const monthMs = 31 * 86_400_000;
  let called = 0;
  const clock = createSystemClock();
  clock.after(monthMs, () => called++);
  const cancelled = clock.after(monthMs, () => assert.fail('was cancelled'));
  t.mock.timers.tick(0x7fffffff);
  assert.equal(called, 0);
  cancelled[Symbol.dispose]();
  t.mock.timers.tick(monthMs - 0x7fffffff);
  assert.equal(called, 1);
});
