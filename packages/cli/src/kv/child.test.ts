import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Clock } from '../clock.ts';
import { endOf } from './child.ts';

/** Time that passes when the test says so. */
function createStillClock() {
  const timers = new Map<object, { readonly delayMs: number; readonly run: () => void }>();
  const clock: Clock = {
    now: () => 0,
    after(delayMs, run) {
      const timer = { [Symbol.dispose]: () => void timers.delete(timer) };
      timers.set(timer, { delayMs, run });
      return timer;
    },
  };
  return { clock, timers };
}

/** Resolves when it runs and has said so. */
async function start(script: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', `${script}; process.stdout.write('ready')`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

const never = new AbortController().signal;
const STAYS = 'setInterval(() => {}, 1_000)';

test('a child that ignores SIGTERM after the lock is lost is killed after a grace', async () => {
  const child = await start(`process.on('SIGTERM', () => process.stdout.write('no')); ${STAYS}`);
  const lost = new AbortController();
  const { clock, timers } = createStillClock();
  const code = endOf(child, { lost: lost.signal, stop: never, clock });
  lost.abort();
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  assert.deepEqual(
    [...timers.values()].map(({ delayMs }) => delayMs),
    [5_000],
  );
  for (const { run } of timers.values()) run();
  assert.equal(await code, 128 + 9);
  assert.equal(timers.size, 0);
});

test('a child that ends in its grace, or before, is not killed, and tells its own code', async () => {
  const lost = new AbortController();
  const { clock, timers } = createStillClock();
  const tidy = await start(`process.on('SIGTERM', () => process.exit(3)); ${STAYS}`);
  const code = endOf(tidy, { lost: lost.signal, stop: never, clock });
  lost.abort();
  assert.equal(await code, 3);
  assert.equal(timers.size, 0);
  const quick = spawn(process.execPath, ['-e', 'process.exit(7)'], { stdio: 'ignore' });
  assert.equal(await endOf(quick, { lost: never, stop: never, clock }), 7);
  const missing = spawn('/no/such/program', { stdio: 'ignore' });
  assert.equal(await endOf(missing, { lost: never, stop: never, clock }), 127);
});

test('who is told to stop passes it on, and waits as long as the lock is held', async () => {
  const stop = new AbortController();
  const { clock, timers } = createStillClock();
  const child = await start(STAYS);
  const code = endOf(child, { lost: never, stop: stop.signal, clock });
  stop.abort();
  assert.equal(await code, 128 + 15);
  assert.equal(timers.size, 0);
});
