/** The checker itself: what could have been passes, what could not is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RegisterOperation as Op, registerFault } from './linearizability.ts';
import { createSeededRandom } from './seeded-random.ts';

const put = (value: string, from: number, to: number, expect = 'any'): Op => ({
  input: { kind: 'change', value, expect },
  output: { version: `v${value}`, value },
  from,
  to,
});
const read = (value: string | null, from: number, to: number): Op => ({
  input: { kind: 'read' },
  output: { version: value && `v${value}`, value },
  from,
  to,
});
const failed = (expect: string, from: number, to: number, version?: string | null): Op => ({
  input: { kind: 'change', value: 'x', expect },
  output: { failed: true, version },
  from,
  to,
});
const unknown = (value: string | null, from: number, expect = 'any'): Op => ({
  input: { kind: 'change', value, expect },
  from,
  to: Number.POSITIVE_INFINITY,
});
const fits = (...history: Op[]) => registerFault(history) === undefined;

test('what could have happened one after another passes', () => {
  assert.ok(fits(put('a', 0, 5), read(null, 0, 6), read('a', 1, 6)));
  assert.ok(fits(put('a', 0, 1), put('b', 2, 9), read('a', 3, 4), read('b', 5, 6)));
  assert.ok(fits(put('a', 0, 1), unknown('b', 2), read('a', 3, 4), read('b', 5, 6)));
  assert.ok(fits(put('a', 0, 1), unknown('b', 2), read('a', 30, 40)));
  assert.ok(fits(put('a', 0, 1), failed('absent', 2, 3), put('b', 4, 5, 'va'), failed('va', 6, 7)));
});

test('what could not is found', () => {
  assert.ok(!fits(put('a', 0, 1), read(null, 2, 3)), 'a lost write');
  assert.ok(!fits(put('a', 0, 1), put('b', 2, 3), read('a', 4, 5)), 'a stale read');
  assert.ok(!fits(put('a', 0, 1), unknown('b', 2), read('b', 3, 4), read('a', 5, 6)), 'back in time');
  assert.ok(!fits(put('a', 0, 1, 'absent'), put('b', 0, 1, 'absent')), 'two firsts');
  assert.ok(!fits(put('a', 0, 1), failed('va', 2, 3)), 'a condition that held');
});

test('what was read of a change without an answer tells its version: no other condition holds on it', () => {
  assert.ok(
    fits(put('a', 0, 1), unknown('b', 2, 'va'), put('c', 4, 5, 'vb'), read('c', 6, 7), read('b', 3, 5)),
  );
  assert.ok(!fits(put('a', 0, 1), unknown('b', 2), read('b', 3, 4), put('c', 5, 6, 'vx')));
  assert.ok(!fits(put('a', 0, 1), unknown('b', 2), put('c', 3, 4, 'va'), put('d', 5, 6, 'va')));
  assert.ok(!fits(put('a', 0, 1), unknown('b', 2), read('b', 5, 6), put('c', 3, 4, 'va')));
  assert.ok(!fits(put('a', 0, 1), unknown('b', 2), failed('any', 3, 4)));
  // Nobody read it, so the version may be its own; but not one of another value.
  assert.ok(fits(put('a', 0, 1), unknown('b', 2), put('c', 3, 4, 'vb')));
  assert.ok(!fits(put('a', 0, 1), put('b', 2, 3), unknown('c', 4), put('d', 5, 6, 'va')));
});

test('the version that a failed condition tells of is judged as one that was read', () => {
  const ab = [put('a', 0, 1), put('b', 2, 3)];
  assert.ok(fits(...ab, failed('va', 4, 5, 'vb'), read('b', 6, 7)));
  assert.ok(fits(failed('va', 0, 1, null), ...ab));
  assert.ok(!fits(...ab, failed('vx', 4, 5, 'va')), 'a stale one');
  assert.ok(!fits(...ab, failed('va', 4, 5, null)), 'a lost one');
  assert.ok(!fits(...ab, failed('vb', 4, 5, 'vb')), 'a condition that held');
  assert.ok(!fits(...ab, failed('absent', 4, 5, null)), 'a condition that held');
  assert.ok(
    !fits(...ab, unknown('c', 4), failed('va', 5, 6, 'vc'), failed('va', 7, 8, 'vb')),
    'one that goes back',
  );
  assert.ok(fits(...ab, unknown('c', 4), failed('va', 5, 6, 'vc'), put('d', 7, 8, 'vc'), read('d', 9, 10)));
});

test('a version that stands for two values, a value that has two, and versions that do not grow are found', () => {
  const as = (version: string, { output, ...one }: Op) => ({ ...one, output: { ...output, version } }) as Op;
  assert.ok(!fits(put('a', 0, 1), as('va', put('b', 2, 3)), as('va', read('b', 4, 5))));
  assert.ok(!fits(put('a', 0, 1), put('b', 2, 3), as('va', put('c', 4, 5))));
  assert.ok(!fits(put('a', 0, 1), as('vb', read('a', 2, 3))));
  assert.ok(!fits(put('b', 0, 1), put('a', 2, 3)));
});

/** The last value that surely was there before a time. */
const lastBefore = (history: readonly Op[], time: number) =>
  history.findLast(
    ({ input, output, to }) =>
      input.kind === 'change' && input.value && output && 'value' in output && to < time,
  )?.output;

test('histories of a real register pass, with one read made older they do not', () => {
  for (let seed = 0; seed < 50; seed++) {
    const { history, at } = recorded(seed, 40);
    assert.equal(registerFault(history), undefined, `seed ${seed}`);
    assert.ok(!fits(...history, read('never', at + 10, at + 11)), `seed ${seed}`);
    const stale = { ...read(null, at + 12, at + 13), output: lastBefore(history, at) } as Op;
    assert.ok(!fits(...history, put('~last', at + 10, at + 11), stale), `seed ${seed}`);
  }
});

test('a day of operations on one key is judged in seconds, a wrong answer near its end found in as many', () => {
  const { history, at } = recorded(1, 20_000);
  const startedAt = process.hrtime.bigint();
  assert.equal(registerFault(history), undefined);
  const stale = { ...read(null, at - 30, at - 29), output: lastBefore(history, at - 1_000) } as Op;
  assert.match(registerFault([...history, stale]) ?? '', new RegExp(`"to":${at - 29}`));
  const tookMs = Number(process.hrtime.bigint() - startedAt) / 1e6;
  assert.ok(tookMs < 60_000, `${tookMs} ms`);
});

/** Of a register that is one: operations that overlap, some without an answer, conditions that hold and such that do not. */
function recorded(seed: number, count: number) {
  const random = createSeededRandom(`history ${seed}`);
  const history: Op[] = [];
  let value: string | null = null;
  let at = 0;
  for (let i = 0; i < count; i++) {
    at += 1;
    // Each takes effect at `at`, somewhere between its call and its answer.
    const from = at - random.float() * 4;
    const to = at + random.float() * 4;
    const version: string = value === null ? 'absent' : `v${value}`;
    const expect = random.chance(0.5) ? 'any' : version;
    const dice = random.float();
    const next: string | null = random.chance(0.15) ? null : `${i}`.padStart(6, '0');
    if (dice < 0.4) history.push(read(value, from, to));
    else if (dice < 0.5)
      history.push(failed('vnever', from, to, random.chance(0.5) ? value && version : undefined));
    else if (dice < 0.515) {
      history.push(unknown(next, from, expect));
      if (random.chance(0.5)) value = next;
    } else if (next !== null) {
      history.push(put(next, from, to, expect));
      value = next;
    } else {
      const deletion: Op = {
        input: { kind: 'change', value: null, expect },
        output: { version: `v${`${i}`.padStart(6, '0')}`, value: null },
        from,
        to,
      };
      history.push(deletion);
      value = null;
    }
  }
  return { history, value, at };
}
