/** The form of a register's state, and what a change makes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCbor, formatVersion, isP2posError } from '@p2pos/protocol';
import fc from 'fast-check';
import { decodeState, encodeState, expiredState, type RegisterState } from './state.ts';
import { decide, type Wish } from './transition.ts';

const AUTHOR = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
const ballot = (ms: number) => formatVersion({ ms, counter: 0, author: AUTHOR });
const bytes = (text: string) => new TextEncoder().encode(text);
const put = (value: string, more: Partial<Wish> = {}): Wish => ({
  value: bytes(value),
  condition: { kind: 'any' },
  ttlMs: undefined,
  request: undefined,
  ...more,
});
const turn = (ms: number, own = new Map()) => ({ ballot: ballot(ms), now: ms, own });

function made(state: RegisterState | undefined, wish: Wish, ms: number): RegisterState {
  const verdict = decide(state, wish, turn(ms));
  assert.ok(verdict.isNew && verdict.state);
  return verdict.state;
}

test('a state survives its encoding, with requests, former values and times', () => {
  const request = { id: new Uint8Array(16).fill(1), body: new Uint8Array(16).fill(2) };
  const first = made(undefined, put('one', { ttlMs: 50, request }), 1);
  const second = made(first, put('two', { request: { ...request, id: new Uint8Array(16) } }), 2);
  const deleted = made(second, { ...put(''), value: null }, 3);
  for (const state of [first, second, deleted, expiredState(ballot(9))])
    assert.deepEqual(decodeState(encodeState(state)), state);
});

test('what is no state is refused with a typed error, whatever the bytes', () => {
  const sound = encodeState(made(undefined, put('v'), 1));
  fc.assert(
    fc.property(fc.nat(sound.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const bent = sound.slice();
      bent[at] = byte;
      try {
        decodeState(bent);
      } catch (error) {
        assert.ok(isP2posError(error), String(error));
      }
    }),
  );
  const values = [null, [], [1], [1, [], 0, null, null, true, []], 'x', new Uint8Array(3), { a: 1 }];
  for (const value of values)
    assert.throws(
      () => decodeState(encodeCbor(value)),
      (e) => isP2posError(e),
    );
  assert.throws(
    () => decodeState(new Uint8Array(200_000)),
    (e) => isP2posError(e),
  );
});

test('however many changes, the state stays bounded, and the newest repeat is always recognised', () => {
  let state: RegisterState | undefined;
  for (let ms = 1; ms < 60; ms++) {
    const id = new Uint8Array(16).fill(ms);
    const wish = { ...put(''), value: new Uint8Array(65_536), request: { id, body: id } };
    state = made(state, wish, ms);
    assert.ok(encodeState(state).length < 135_000);
    assert.equal(decide(state, wish, turn(1_000)).answer.kind, 'changed');
    assert.equal(decide(state, wish, turn(1_000)).isNew, false);
    const other = { ...wish, request: { id, body: new Uint8Array(16) } };
    assert.equal(decide(state, other, turn(1_000)).answer.kind, 'reused');
  }
});

test('a change that cannot be told from forgotten ones is not made again', () => {
  let state: RegisterState | undefined;
  for (let ms = 1; ms < 100; ms++) state = made(state, put(`v${ms}`), ms);
  const own = (ms: number) => turn(1_000, new Map([[ballot(ms), undefined]]));
  assert.equal(decide(state, put('mine'), own(2)).answer.kind, 'forgotten');
  assert.equal(decide(state, put('mine'), own(99)).answer.kind, 'changed');
  assert.equal(decide(state, put('mine'), own(99)).isNew, false);
  assert.equal(decide(state, put('mine'), own(500)).isNew, true);
});

test('whoever meets what has expired proposes that it is gone', () => {
  const state = made(undefined, put('v', { ttlMs: 10 }), 1);
  assert.equal(decide(state, undefined, turn(10)).isNew, false);
  const read = decide(state, undefined, turn(11));
  assert.ok(read.isNew && read.state?.value === null);
  const failed = decide(
    state,
    put('w', { condition: { kind: 'version', version: state.version } }),
    turn(11),
  );
  assert.deepEqual(failed.answer, { kind: 'failed', version: null });
  assert.ok(failed.isNew && failed.state?.value === null);
});
