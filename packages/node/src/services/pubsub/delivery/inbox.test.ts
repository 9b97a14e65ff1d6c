/** Order, copies, gaps and bounds of what one publisher sends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createManualClock } from '../../../testing/manual-clock.ts';
import type { MessageBody } from '../wire.ts';
import { createInbox, type InboxConfig } from './inbox.ts';

function open(config: Partial<InboxConfig> = {}) {
  const clock = createManualClock();
  const told: string[] = [];
  const inbox = createInbox(
    {
      clock,
      onMessage: (_name, { incarnation, seq }) => told.push(`${incarnation}/${seq}`),
      onGap: (_name, { incarnation, from, to }) => told.push(`${incarnation} lost ${from}-${to}`),
    },
    {
      patienceMs: 2_000,
      maxWaiting: 100,
      maxWaitingBytes: 1e6,
      maxTopics: 100,
      maxNameBytes: 1e6,
      ...config,
    },
  );
  const take = (seq: number, previous = seq - 1, { life = 1, name = 'a/.t', bytes = 1 } = {}) =>
    inbox.take('p', life, [name, seq, previous, 0, new Uint8Array(bytes)] satisfies MessageBody);
  return { clock, told, take, inbox };
}

test('whatever the order and however often, each is handed on once, in order', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...Array(12).keys()], { minLength: 12 }), fc.nat(11), (order, again) => {
      const { told, take } = open();
      for (const i of [...order, again]) take(i + 1);
      assert.deepEqual(
        told,
        Array.from({ length: 12 }, (_, i) => `1/${i + 1}`),
      );
    }),
  );
});

test('what does not come within the patience is told, and only that', async () => {
  const { clock, told, take } = open();
  take(1);
  take(4);
  take(7, 5);
  await clock.advance(2_000);
  await clock.advance(2_000);
  assert.deepEqual(told, ['1/1', '1 lost 2-3', '1/4', '1 lost 5-5', '1/7']);
});

test('what waited for an earlier one is handed on when its publisher starts anew', () => {
  const { told, take } = open();
  take(1);
  take(3);
  take(1, 0, { life: 2 });
  take(9, 8);
  assert.deepEqual(told, ['1/1', '1 lost 2-2', '1/3', '2/1']);
});

test('bytes that wait are bounded: the gap is told earlier', () => {
  const { told, take } = open({ maxWaitingBytes: 10_000 });
  take(1);
  for (let seq = 3; seq < 20; seq++) take(seq, undefined, { bytes: 1_000 });
  assert.equal(told[1], '1 lost 2-2');
  assert.equal(told.length, 19);
});

test('names are bounded, and what was forgotten of a topic is not told as lost', async () => {
  const { clock, told, take } = open({ maxNameBytes: 50 });
  for (let i = 0; i < 10; i++) take(1, 0, { name: `a/.topic-${i}` });
  told.length = 0;
  take(2, 1, { name: 'a/.topic-0' });
  await clock.advance(5_000);
  assert.deepEqual(told, ['1/2']);
});

test('each waits no longer than the patience, however many losses are before it', async () => {
  const { clock, told, take } = open();
  take(2);
  await clock.advance(1_000);
  take(4);
  take(6);
  await clock.advance(1_000);
  assert.deepEqual(told, ['1 lost 1-1', '1/2']);
  await clock.advance(1_000);
  assert.deepEqual(told.slice(2), ['1 lost 3-3', '1/4', '1 lost 5-5', '1/6']);
  assert.equal(clock.pending(), 0);
});

test('a copy is here, what comes after its loss was told is not, nor what is of a former life', async () => {
  const { clock, told, take } = open();
  assert.deepEqual([take(1), take(4), take(4), take(1)], [true, true, true, true]);
  await clock.advance(2_000);
  assert.deepEqual([take(2), take(3), take(4), take(5)], [false, false, true, true]);
  // However many losses there were, none of them is taken for a copy.
  for (let seq = 7; seq < 60; seq += 2) take(seq);
  await clock.advance(2_000);
  for (let seq = 6; seq < 60; seq += 2) assert.equal(take(seq), false, `${seq}`);
  assert.equal(take(59), true);
  assert.equal(take(1, 0, { life: 2 }), true);
  assert.equal(take(60, 59), false);
  assert.equal(told.at(-1), '2/1');
});

test('what was given up is told at once, alone or with all before it', () => {
  const { told, inbox, take } = open();
  take(500, 0);
  inbox.take('p', 1, ['a/.t', 510, 500, 500, null]);
  inbox.take('p', 1, ['a/.t', 515, 514, 510, null]);
  take(516);
  assert.deepEqual(told, ['1/500', '1 lost 510-510', '1 lost 511-515', '1/516']);
});

test('what waits is handed on as soon as its publisher lives anew, or is no member any more', () => {
  const { told, inbox, take } = open();
  take(2);
  inbox.begin('p', 1);
  assert.deepEqual(told, []);
  inbox.begin('p', 2);
  assert.deepEqual(told, ['1 lost 1-1', '1/2']);
  take(2, 1, { life: 2 });
  inbox.retain(() => true);
  assert.equal(told.length, 2);
  inbox.retain(() => false);
  assert.deepEqual(told.slice(2), ['2 lost 1-1', '2/2']);
  // A member again, it goes on with its numbers: what was sent before was not lost.
  take(10, 8, { life: 2 });
  assert.equal(told.at(-1), '2/10');
});
