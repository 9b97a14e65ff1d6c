/** The checker itself: what could have been passes, what could not is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isLinearizable,
  type Operation,
  type RegisterInput,
  type RegisterOutput,
  registerModel,
} from './linearizability.ts';
import { createSeededRandom } from './seeded-random.ts';

type Op = Operation<RegisterInput, RegisterOutput>;
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
const failed = (expect: string, from: number, to: number): Op => ({
  input: { kind: 'change', value: 'x', expect },
  output: { failed: true },
  from,
  to,
});
const unknown = (value: string, from: number): Op => ({
  input: { kind: 'change', value, expect: 'any' },
  from,
  to: Number.POSITIVE_INFINITY,
});
const fits = (...history: Op[]) => isLinearizable(registerModel, history);

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

test('histories of a real register pass, with one read made older they do not', () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = createSeededRandom(`history ${seed}`);
    const history: Op[] = [];
    let value: string | null = null;
    let at = 0;
    for (let i = 0; i < 40; i++) {
      at += 1;
      // Each takes effect at `at`, somewhere between its call and its answer.
      const from = at - random.float() * 4;
      const to = at + random.float() * 4;
      if (random.chance(0.5)) {
        value = `${i}`;
        history.push(put(value, from, to));
      } else history.push(read(value, from, to));
    }
    assert.ok(fits(...history), `seed ${seed}`);
    assert.ok(!fits(...history, read('never', at + 10, at + 11)), `seed ${seed}`);
    assert.ok(
      !fits(...history, put('last', at + 10, at + 11), read(value, at + 12, at + 13)),
      `seed ${seed}`,
    );
  }
});
