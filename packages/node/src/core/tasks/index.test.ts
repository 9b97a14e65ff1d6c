import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock, drain } from '../../testing/manual-clock.ts';
import { sleep } from '../clock/index.ts';
import { type LogFields, silentLogger } from '../log/index.ts';
import { createTaskGroup } from './index.ts';

function setup({ float = 0.5 }: { readonly float?: number } = {}) {
  const clock = createManualClock();
  const failures: LogFields[] = [];
  const note = (fields: LogFields) => void failures.push(fields);
  const log = { ...silentLogger, warn: note, error: note };
  const random = { bytes: (length: number) => new Uint8Array(length), float: () => float };
  return { clock, failures, tasks: createTaskGroup({ clock, random, log }) };
}

test('a periodic task runs after each interval, and at once only when asked to', async () => {
  const { clock, tasks } = setup();
  await using _ = tasks;
  const runs: number[] = [];
  const start = clock.monotonic();
  tasks.every({ name: 'a', intervalMs: 1_000 }, async () => void runs.push(clock.monotonic() - start));
  tasks.every({ name: 'b', intervalMs: 1_000, immediately: true }, async () => void runs.push(-1));
  await drain();
  assert.deepEqual(runs, [-1]);
  await clock.advance(2_500);
  assert.deepEqual(
    runs.filter((at) => at >= 0),
    [1_000, 2_000],
  );
});

test('intervals are spread by a fifth each way', async () => {
  for (const [float, expected] of [
    [0, 800],
    [0.999999, 1_200],
  ] as const) {
    const { clock, tasks } = setup({ float });
    await using _ = tasks;
    let ranAt = 0;
    tasks.every({ name: 'a', intervalMs: 1_000 }, async () => {
      ranAt ||= clock.monotonic();
    });
    await clock.advance(1_300);
    assert.equal(Math.round(ranAt), expected);
  }
});

test('a periodic task never overlaps itself, however long it takes', async () => {
  const { clock, tasks } = setup();
  await using _ = tasks;
  let inside = 0;
  let most = 0;
  let runs = 0;
  tasks.every({ name: 'slow', intervalMs: 100 }, async (signal) => {
    most = Math.max(most, ++inside);
    runs++;
    await sleep(clock, 450, { signal });
    inside--;
  });
  await clock.advance(2_000);
  assert.equal(most, 1);
  assert.equal(runs, 4);
});

test('trigger starts the next run now; during a run it asks for one more; many ask for one', async () => {
  const { clock, tasks } = setup();
  await using _ = tasks;
  let runs = 0;
  const { trigger } = tasks.every({ name: 'a', intervalMs: 60_000 }, async (signal) => {
    runs++;
    await sleep(clock, 10, { signal });
  });
  trigger();
  trigger();
  await clock.advance(5);
  assert.equal(runs, 1);
  trigger();
  trigger();
  await clock.advance(100);
  assert.equal(runs, 2);
});

test('an error of a periodic task is logged and it runs again, thrown at once or later', async () => {
  const { clock, tasks, failures } = setup();
  await using _ = tasks;
  let runs = 0;
  tasks.every({ name: 'a', intervalMs: 100 }, () => {
    runs++;
    if (runs === 1) throw new Error('at once');
    return Promise.reject(new Error('later'));
  });
  await clock.advance(350);
  assert.equal(runs, 3);
  assert.deepEqual(
    failures.map(({ error }) => (error as Error).message),
    ['at once', 'later', 'later'],
  );
});

test('an error of a single run is logged', async () => {
  const { tasks, failures } = setup();
  await using _ = tasks;
  tasks.run('once', async () => Promise.reject(new Error('boom')));
  await drain();
  assert.equal(failures[0]?.['task'], 'once');
});

test('disposal aborts, waits for what runs, starts nothing new and leaves no timer', async () => {
  const { clock, tasks, failures } = setup();
  let ended = false;
  tasks.every({ name: 'idle', intervalMs: 100 }, async () => {});
  tasks.run('busy', async (signal) => {
    await sleep(clock, 1_000_000, { signal }).catch(() => {});
    await drain();
    ended = true;
    signal.throwIfAborted();
  });
  await drain();
  await tasks[Symbol.asyncDispose]();
  assert.ok(ended);
  assert.equal(clock.pending(), 0);
  assert.deepEqual(failures, []);
  tasks.run('late', async () => assert.fail('ran after disposal'));
  tasks.every({ name: 'late', intervalMs: 1, immediately: true }, async () =>
    assert.fail('ran after disposal'),
  );
  await clock.advance(100);
});

test('a task can use what starting it gave its owner', async () => {
  const { tasks } = setup();
  await using _ = tasks;
  let seen: unknown;
  const handle = tasks.every({ name: 'a', intervalMs: 100, immediately: true }, async () => {
    seen = handle;
  });
  await drain();
  assert.equal(seen, handle);
});
