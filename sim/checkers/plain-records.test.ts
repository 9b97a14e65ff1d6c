/** The checker itself: honest histories pass, each fault is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPlainRecords, type PlainRecords } from './plain-records.ts';

/** The version of that time, s. */
const at = (seconds: number) => `${(seconds * 1_000).toString(16).padStart(12, '0')}0000-author`;

function check(run: (records: PlainRecords) => void): number {
  const records = createPlainRecords();
  run(records);
  return records.violations.length;
}

function put(records: PlainRecords, value: string | undefined, seconds: number, ttlSeconds?: number): void {
  const expiresAt = ttlSeconds && (seconds + ttlSeconds) * 1_000;
  records.acknowledged(records.begin('k', value, expiresAt), at(seconds));
}

function lost(records: PlainRecords, value: string | undefined, seconds: number, ttlSeconds?: number): void {
  const expiresAt = ttlSeconds && (seconds + ttlSeconds) * 1_000;
  records.unknown(records.begin('k', value, expiresAt), seconds * 1_000);
}

/** At `seconds`; `version` is the time of what was read. */
function read(records: PlainRecords, seconds: number, value?: string, version = 0): void {
  const found = value === undefined ? undefined : { value, version: at(version) };
  records.read('k', records.floorOf('k'), found, seconds * 1_000);
}

test('an honest history passes', () => {
  const found = check((records) => {
    read(records, 0);
    put(records, 'a', 1);
    read(records, 1, 'a', 1);
    lost(records, 'b', 2);
    read(records, 3, 'a', 1);
    read(records, 4, 'b', 2);
    put(records, undefined, 5);
    read(records, 6);
    put(records, 'c', 10, 60);
    read(records, 70);
    // A read that began after a deletion and ends after the next write may have seen either.
    put(records, undefined, 100);
    const floor = records.floorOf('k');
    put(records, 'd', 101);
    records.read('k', floor, undefined, 101_000);
  });
  assert.equal(found, 0);
});

test('a write that met a newer record has two versions, the later of which is told', () => {
  const found = check((records) => {
    const ticket = records.begin('k', 'a');
    read(records, 1, 'a', 1);
    records.acknowledged(ticket, at(2));
    read(records, 3, 'a', 2);
  });
  assert.equal(found, 0);
});

test('lost writes, resurrected deletes, readers that go back and values out of nowhere are found', () => {
  const written = (run: (records: PlainRecords) => void) =>
    check((records) => {
      put(records, 'a', 1);
      put(records, 'b', 2);
      run(records);
    });
  assert.equal(
    written((records) => read(records, 3)),
    1,
  );
  assert.equal(
    written((records) => read(records, 3, 'a', 1)),
    1,
  );
  assert.equal(
    written((records) => read(records, 3, 'x', 3)),
    1,
  );
  assert.equal(
    written((records) => read(records, 3, 'b', 3)),
    1,
  );
  assert.equal(
    written((records) => put(records, 'c', 2)),
    1,
  );
  assert.equal(
    written((records) => {
      put(records, undefined, 3);
      read(records, 4, 'b', 2);
    }),
    1,
  );
  assert.equal(
    written((records) => {
      records.refused(records.begin('k', 'no'));
      read(records, 4, 'no', 3);
    }),
    1,
  );
  assert.equal(
    written((records) => {
      lost(records, 'c', 3);
      read(records, 4, 'c', 2);
    }),
    1,
    'a version of two values',
  );
});

test('what is of unknown outcome explains no reading of nothing after any version that it may have', () => {
  for (const ttl of [undefined, 10]) {
    const value = ttl === undefined ? undefined : 'short';
    const soon = check((records) => {
      put(records, 'a', 1);
      lost(records, value, 2, ttl);
      put(records, 'b', 20);
      read(records, 21);
    });
    assert.equal(soon, 0);
    const late = check((records) => {
      put(records, 'a', 1);
      lost(records, value, 2, ttl);
      put(records, 'b', 100);
      read(records, 101);
    });
    assert.equal(late, 1);
  }
});

test('nor is it read with a version that was given after its author had given up', () => {
  const written = (version: number) =>
    check((records) => {
      lost(records, 'a', 2);
      read(records, 100, 'a', version);
    });
  assert.equal(written(5), 0);
  assert.equal(written(90), 1);
});

test('a value that is read long after it expired is found', () => {
  const readAfter = (seconds: number) =>
    check((records) => {
      put(records, 'a', 1, 60);
      read(records, seconds, 'a', 1);
    });
  assert.equal(readAfter(80), 0);
  assert.equal(readAfter(90), 1);
});

test('once nothing was read because of a deletion without an answer, what was there before does not return', () => {
  const readAgain = (ttl?: number) =>
    check((records) => {
      put(records, 'a', 1, ttl);
      lost(records, undefined, 2);
      read(records, 3, 'a', 1);
      read(records, 4);
      read(records, 5);
      read(records, 6, 'a', 1);
    });
  assert.equal(readAgain(), 1);
  assert.equal(readAgain(20), 0, 'expired for one clock and not for the other');
  const goesOn = check((records) => {
    put(records, 'a', 1);
    const slow = records.begin('k', undefined);
    read(records, 4);
    records.acknowledged(slow, at(2));
    put(records, 'b', 5);
    read(records, 6, 'b', 5);
  });
  assert.equal(goesOn, 0);
});

test('a value that nobody wrote is found whatever the reader knew', () => {
  const found = check((records) => {
    put(records, 'a', 1);
    const floor = records.floorOf('k');
    put(records, 'b', 10);
    records.read('k', floor, { value: 'x', version: at(5) }, 11_000);
  });
  assert.equal(found, 1);
  const long = check((records) => {
    put(records, 'a', 1);
    const floor = records.floorOf('k');
    for (let i = 2; i < 200; i++) put(records, `v${i}`, i);
    records.read('k', floor, { value: 'v5', version: at(5) }, 200_000);
  });
  assert.equal(long, 0, 'a slow read of what was there when it began');
});
