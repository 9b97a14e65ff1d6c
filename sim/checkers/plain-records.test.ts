/** The checker itself: honest histories pass, each fault is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPlainRecords } from './plain-records.ts';

function check(run: (records: ReturnType<typeof createPlainRecords>) => void): number {
  const records = createPlainRecords();
  run(records);
  return records.violations.length;
}

test('an honest history passes', () => {
  const found = check((records) => {
    records.read('k', records.floorOf('k'), undefined, 0);
    records.acknowledged(records.begin('k', 'a'), '1');
    records.read('k', records.floorOf('k'), { value: 'a', version: '1' }, 0);
    const late = records.begin('k', 'b');
    records.unknown(late, 0);
    records.read('k', records.floorOf('k'), { value: 'a', version: '1' }, 0);
    records.read('k', records.floorOf('k'), { value: 'b', version: '2' }, 0);
    records.acknowledged(records.begin('k', undefined), '3');
    records.read('k', records.floorOf('k'), undefined, 0);
    records.acknowledged(records.begin('k', 'c', 100_000), '4');
    records.read('k', records.floorOf('k'), undefined, 100_000);
    // A read that began after a deletion and ends after the next write may have seen either.
    records.acknowledged(records.begin('k', undefined), '5');
    const floor = records.floorOf('k');
    records.acknowledged(records.begin('k', 'd'), '6');
    records.read('k', floor, undefined, 100_000);
  });
  assert.equal(found, 0);
});

test('lost writes, resurrected deletes, readers that go back and values out of nowhere are found', () => {
  const written = (run: (records: ReturnType<typeof createPlainRecords>) => void) =>
    check((records) => {
      records.acknowledged(records.begin('k', 'a'), '1');
      records.acknowledged(records.begin('k', 'b'), '2');
      run(records);
    });
  assert.equal(
    written((records) => records.read('k', '2', undefined, 0)),
    1,
  );
  assert.equal(
    written((records) => records.read('k', '2', { value: 'a', version: '1' }, 0)),
    1,
  );
  assert.equal(
    written((records) => records.read('k', '2', { value: 'x', version: '3' }, 0)),
    1,
  );
  assert.equal(
    written((records) => records.acknowledged(records.begin('k', 'c'), '2')),
    1,
  );
  assert.equal(
    written((records) => {
      records.acknowledged(records.begin('k', undefined), '3');
      records.read('k', records.floorOf('k'), { value: 'b', version: '2' }, 0);
    }),
    1,
  );
  assert.equal(
    written((records) => {
      records.refused(records.begin('k', 'no'));
      records.read('k', '2', { value: 'no', version: '3' }, 0);
    }),
    1,
  );
});
