import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCuts, type Way } from './cuts.ts';

test('a link that two faults cut is whole when both have ended', () => {
  let now: readonly Way[] = [];
  const cuts = createCuts({
    setCuts: (ways) => {
      now = ways;
    },
  });
  const one = cuts.hold([
    [0, 1],
    [1, 0],
  ]);
  const other = cuts.hold([[0, 1]]);
  one[Symbol.dispose]();
  assert.deepEqual(now, [[0, 1]]);
  other[Symbol.dispose]();
  assert.deepEqual(now, []);
});
