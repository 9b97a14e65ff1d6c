/** The program that judges the runs in which nodes are killed: it finds every fault that is planted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, type History, silencesAfter } from './history.ts';

const SOUND: History = {
  writes: [
    { id: 'a', startedAt: 1, acknowledgedAt: 3 },
    { id: 'b', startedAt: 2 },
    { id: 'c', startedAt: 4, acknowledgedAt: 6 },
    { id: 'd', startedAt: 8 },
  ],
  reads: [
    { startedAt: 0, endedAt: 2, count: 0 },
    { startedAt: 4, endedAt: 5, count: 1 },
    { startedAt: 7, endedAt: 8, count: 2 },
    { startedAt: 7, endedAt: 9, count: 3 },
  ],
  rows: new Map([
    ['a', 1],
    ['b', 1],
    ['c', 1],
  ]),
};
const NONE = { lost: [], twice: [], invented: [], stale: [], early: [] };

test('a sound history has no faults, whether what was not answered was done or not', () => {
  assert.deepEqual(faultsOf(SOUND), NONE);
  const without = new Map([...SOUND.rows].filter(([id]) => id !== 'b'));
  assert.deepEqual(faultsOf({ ...SOUND, rows: without, reads: [] }), NONE);
});

test('each planted fault is found, and no other', () => {
  const rows = (change: (map: Map<string, number>) => void) => {
    const map = new Map(SOUND.rows);
    change(map);
    return faultsOf({ ...SOUND, rows: map });
  };
  assert.deepEqual(
    rows((map) => map.delete('c')),
    { ...NONE, lost: ['c'] },
  );
  assert.deepEqual(
    rows((map) => map.set('a', 2)),
    { ...NONE, twice: ['a'] },
  );
  assert.deepEqual(
    rows((map) => map.set('b', 3)),
    { ...NONE, twice: ['b'] },
  );
  assert.deepEqual(
    rows((map) => map.set('x', 1)),
    { ...NONE, invented: ['x'] },
  );
  const stale = { startedAt: 7, endedAt: 8, count: 1 };
  assert.deepEqual(faultsOf({ ...SOUND, reads: [stale] }), { ...NONE, stale: [stale] });
  const early = { startedAt: 0, endedAt: 4, count: 3 };
  assert.deepEqual(faultsOf({ ...SOUND, reads: [early] }), { ...NONE, early: [early] });
});

test('the silence after a kill is the longest one that reaches into its window', () => {
  const writes = [1, 2, 10, 11, 50, 51].map((at) => ({ id: `${at}`, startedAt: 0, acknowledgedAt: at }));
  assert.deepEqual(silencesAfter([2, 11, 60], writes, 5), [8, 39, Number.POSITIVE_INFINITY]);
});
