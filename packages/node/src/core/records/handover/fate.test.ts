import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fateOf } from './fate.ts';

test('a record may go where a majority of its replicas has it, or something newer', () => {
  assert.equal(fateOf([undefined, undefined, 'unknown'], 2), 'held');
  assert.equal(fateOf([undefined, 'newer'], 2), 'held');
  assert.equal(fateOf(['newer', 'newer', 'forgotten'], 2), 'held');
});

test('it waits as long as too few have answered, and for others to hear of it from who has it', () => {
  assert.equal(fateOf([], 2), 'waits');
  assert.equal(fateOf(['unknown', 'newer'], 2), 'waits');
  assert.equal(fateOf(['forgotten', undefined], 2), 'waits');
  assert.equal(fateOf(['unknown', 'unknown', undefined], 2), 'waits');
});

test('what a majority knows nothing of is set aside, whatever newer one of them has; a deletion is let go', () => {
  assert.equal(fateOf(['unknown', 'unknown', 'unknown'], 2), 'aside');
  assert.equal(fateOf(['unknown', 'newer', 'unknown'], 2), 'aside');
  assert.equal(fateOf(['forgotten', undefined, 'forgotten'], 2), 'forgotten');
  assert.equal(fateOf(['forgotten', 'newer', 'forgotten'], 2), 'forgotten');
});
