/** The judge itself: an honest history passes, each kind of fault is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, type Operation } from './history.ts';

const put = (value: string, from: number, outcome: Operation['outcome'] = 'done'): Operation => ({
  writer: 0,
  key: 'k',
  kind: 'put',
  value,
  from,
  to: from + 1,
  outcome,
});
const remove = (from: number): Operation => ({
  writer: 0,
  key: 'k',
  kind: 'delete',
  from,
  to: from + 1,
  outcome: 'done',
});
const get = (value: string | undefined, from: number, version?: string): Operation => ({
  writer: 1,
  key: 'k',
  kind: 'get',
  value,
  version,
  from,
  to: from + 1,
  outcome: 'done',
});
const faults = (...history: Operation[]) => judge(history).violations.length;

test('what may have been so passes', () => {
  assert.equal(faults(get(undefined, 0), put('a', 2), get('a', 4), remove(6), get(undefined, 8)), 0);
  assert.equal(faults(put('a', 0), put('b', 2, 'unknown'), get('a', 4)), 0);
  assert.equal(faults(put('a', 0), put('b', 2, 'unknown'), get('b', 4)), 0);
  assert.equal(faults(put('a', 0), { ...put('b', 2), to: 9 }, get('a', 4)), 0);
});

test('a lost write, a deleted key that returns, a refused write that shows and a reader that goes back are found', () => {
  assert.equal(faults(put('a', 0), get(undefined, 2)), 1);
  assert.equal(faults(put('a', 0), put('b', 2), get('a', 4)), 1);
  assert.equal(faults(put('a', 0), remove(2), get('a', 4)), 1);
  assert.equal(faults(put('a', 0), put('b', 2, 'refused'), get('b', 4)), 1);
  assert.equal(faults(put('a', 0), put('b', 2, 'unknown'), get('b', 4, '2'), get('a', 6, '1')), 1);
});

test('registers: a lost change, two that follow on one version, and a deleted one that returns are found', () => {
  const change = (
    value: string | undefined,
    expect: string,
    from: number,
    more: Partial<Operation> = {},
  ): Operation => ({
    writer: 0,
    key: 'r',
    kind: value === undefined ? 'cas-delete' : 'cas-put',
    value,
    expect,
    version: value && `v${value}`,
    from,
    to: from + 1,
    outcome: 'done',
    ...more,
  });
  const read = (value: string | undefined, from: number): Operation => ({
    ...get(value, from, value && `v${value}`),
    key: 'r',
    kind: 'cas-get',
  });
  const failed = { version: undefined, code: 'CAS_CONDITION_FAILED' };
  assert.equal(
    faults(read(undefined, 0), change('a', 'absent', 2), read('a', 4), change('b', 'va', 6), read('b', 8)),
    0,
  );
  assert.equal(faults(change('a', 'absent', 0), change('b', 'absent', 2, failed), read('a', 4)), 0);
  assert.equal(
    faults(
      change('a', 'absent', 0),
      change('b', 'va', 2, { outcome: 'unknown', version: undefined }),
      read('a', 4),
      read('b', 6),
    ),
    0,
  );
  assert.equal(faults(change('a', 'absent', 0), change('b', 'va', 2), read('a', 4)), 1);
  assert.equal(faults(change('a', 'absent', 0), change('b', 'va', 2), change('c', 'va', 2)), 1);
  assert.equal(faults(change('a', 'absent', 0), change(undefined, 'va', 2), read('a', 4)), 1);
  assert.equal(
    faults(change('a', 'absent', 0), change('b', 'va', 2, { ...failed, outcome: 'refused' }), read('b', 4)),
    1,
  );
});
