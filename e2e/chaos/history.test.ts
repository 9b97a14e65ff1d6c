/** The judge itself: an honest history passes, each kind of fault is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareLooks, judge, type Operation } from './history.ts';

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

test('a reader that goes back to nothing, or from nothing to what was before, is found', () => {
  const late = { ...remove(2), outcome: 'unknown' } as const;
  assert.equal(faults(put('a', 0), late, get('a', 4), get(undefined, 6)), 0);
  assert.equal(faults(put('a', 0), late, get(undefined, 4), get('a', 6)), 1);
  assert.equal(faults(put('a', 0), late, put('b', 4, 'unknown'), get('b', 6), get(undefined, 8)), 1);
  assert.equal(faults(put('a', 0), late, put('b', 4, 'unknown'), get(undefined, 6), get('b', 8)), 0);
  // Which of two deletions it was decides what may follow.
  const again = { ...remove(6), outcome: 'unknown' } as const;
  assert.equal(
    faults(
      put('a', 0),
      late,
      put('b', 4, 'unknown'),
      again,
      get(undefined, 8),
      get('b', 10),
      get(undefined, 12),
    ),
    0,
  );
  // Of two reads at once neither is before the other.
  assert.equal(faults(put('a', 0), late, { ...get(undefined, 4), to: 9 }, get('a', 6)), 0);
});

test('versions: one that does not grow and a value under a later one than it was given are found', () => {
  const as = (version: string, one: Operation): Operation => ({ ...one, version });
  assert.equal(faults(as('1', put('a', 0)), as('2', put('b', 2)), get('b', 4, '2')), 0);
  assert.equal(faults(as('2', put('a', 0)), as('1', put('b', 2))), 1);
  assert.equal(faults(as('1', put('a', 0)), get('a', 2, '3')), 1);
});

test('at the end nodes that tell other things, list other things or tell nothing are found', () => {
  const look = (node: number, reads: Operation[], keys: string[]) => ({ node, reads, keys });
  const good = look(0, [get('a', 0, '1')], ['k']);
  assert.deepEqual(compareLooks([good, { ...good, node: 1 }]), []);
  assert.equal(compareLooks([good, look(1, [get(undefined, 0)], [])]).length, 1);
  assert.equal(compareLooks([good, look(1, [get('a', 0, '2')], ['k'])]).length, 1);
  assert.equal(compareLooks([good, look(1, [get('a', 0, '1')], [])]).length, 1);
  assert.equal(compareLooks([look(0, [{ ...get('a', 0, '1'), outcome: 'unknown' }], ['k'])]).length, 1);
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
  assert.equal(faults(change('a', 'absent', 0), change('b', 'absent', 2, { ...failed, there: 'va' })), 0);
  assert.equal(faults(change('a', 'absent', 0), change('b', 'vx', 2, { ...failed, there: null })), 1);
  assert.equal(faults(change('a', 'absent', 0), change('b', 'va', 2), read('a', 4)), 1);
  assert.equal(faults(change('a', 'absent', 0), change('b', 'va', 2), change('c', 'va', 2)), 1);
  assert.equal(faults(change('a', 'absent', 0), change(undefined, 'va', 2), read('a', 4)), 1);
  assert.equal(
    faults(change('a', 'absent', 0), change('b', 'va', 2, { ...failed, outcome: 'refused' }), read('b', 4)),
    1,
  );
});
