import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { createTask } from './task.ts';

test('a task runs one thing at a time, says how it ended, and does the newest choice after it', async () => {
  const task = createTask();
  const first = Promise.withResolvers<string>();
  const done: string[] = [];
  const choose = (name: string) =>
    task.latest(async () => {
      done.push(name);
      return name;
    });
  const running = task.run(() => first.promise);
  assert.equal(task.busy, true);
  assert.equal(await task.run(async () => 'dropped'), false);
  assert.deepEqual([await choose('a'), await choose('b')], [false, false]);
  first.resolve('first');
  assert.equal(await running, true);
  await new Promise(setImmediate);
  assert.deepEqual(done, ['b']);
  assert.deepEqual([task.text, task.mood, task.busy], ['b', 'good', false]);
  assert.equal(await choose('c'), true);
  const refused = task.run(async () => {
    throw new P2posError('BAD_REQUEST', { reason: 'No.' });
  });
  assert.equal(await refused, false);
  assert.deepEqual([task.text, task.mood], ['No. (BAD_REQUEST)', 'bad']);
});
