import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oneByOne } from './one-by-one.ts';

async function* batches(...of: readonly (readonly number[])[]) {
  yield* of;
}

test('items come one by one, in order, over empty batches too', async () => {
  const had: number[] = [];
  for await (const one of oneByOne(batches([1, 2], [], [3], []))) had.push(one);
  assert.deepEqual(had, [1, 2, 3]);
});

test('those that are asked for before they are there come in the order in which they were asked for', async () => {
  const items = oneByOne(batches([1], [2, 3], [4]));
  const five = await Promise.all([1, 2, 3, 4, 5].map(() => items.next()));
  assert.deepEqual(
    five.map(({ value }) => value),
    [1, 2, 3, 4, undefined],
  );
  assert.equal(five[4]?.done, true);
});

test('leaving the loop ends the source; what it throws is thrown', async () => {
  let ended = false;
  async function* source() {
    try {
      yield [1, 2];
      throw new Error('broken');
    } finally {
      ended = true;
    }
  }
  for await (const one of oneByOne(source())) if (one === 1) break;
  assert.ok(ended);
  const items = oneByOne(source());
  await items.next();
  await items.next();
  await assert.rejects(items.next(), /broken/);
  assert.deepEqual(await items.next(), { done: true, value: undefined });
});
