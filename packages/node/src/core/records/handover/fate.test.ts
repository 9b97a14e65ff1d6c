import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fateOf } from './fate.ts';

test('a record may go where a majority of its replicas has it, or something newer', () => {
  assert.equal(fateOf([undefined, undefined, 'unknown'], 3), 'held');
  assert.equal(fateOf([undefined, 'newer'], 3), 'held');
  assert.equal(fateOf(['newer', 'newer', 'forgotten'], 3), 'held');
});

test('it waits as long as too few have answered, and for others to hear of it from who has it', () => {
  assert.equal(fateOf([], 3), 'waits');
  assert.equal(fateOf(['unknown', 'newer'], 3), 'waits');
  assert.equal(fateOf(['forgotten', undefined], 3), 'waits');
  assert.equal(fateOf(['unknown', 'unknown', undefined], 3), 'waits');
  assert.equal(fateOf(['unclear', 'newer', 'unclear'], 3), 'waits');
});

test('what a majority knows nothing of is set aside, whatever newer one of them has; a deletion is let go', () => {
  assert.equal(fateOf(['unknown', 'unknown', 'unknown'], 3), 'aside');
  assert.equal(fateOf(['unknown', 'newer', 'unknown'], 3), 'aside');
  assert.equal(fateOf(['forgotten', undefined, 'forgotten'], 3), 'forgotten');
  assert.equal(fateOf(['forgotten', 'newer', 'forgotten'], 3), 'forgotten');
});

test('of two or four replicas half are enough, for the others are no majority', () => {
  assert.equal(fateOf(['unknown', 'newer'], 2), 'aside');
  assert.equal(fateOf(['forgotten', undefined], 2), 'forgotten');
  assert.equal(fateOf(['unknown', undefined], 2), 'waits');
  assert.equal(fateOf(['unknown', 'unknown', 'newer'], 4), 'aside');
  assert.equal(fateOf(['unknown', 'newer', 'newer'], 4), 'waits');
});
