/** Outbox and inbox over a link that fails: in order, once, and what is given up is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createManualClock, type ManualClock } from '../../../testing/manual-clock.ts';
import type { MessageBody } from '../wire.ts';
import { createInbox } from './inbox.ts';
import { createOutbox } from './outbox.ts';

const KEEP_MS = 30_000;
const bounds = { keepMs: KEEP_MS, maxBytes: 100_000, maxMessages: 200, maxUnderWay: 3 };

function link(clock: ManualClock, config: Partial<typeof bounds> = {}) {
  /** `deaf`: what is sent arrives, its answer does not. */
  const state = { up: true, refuses: () => false, deaf: () => false, lateMs: () => 1, incarnation: 1 };
  const told: string[] = [];
  const inbox = createInbox(
    {
      clock,
      onMessage: (name, { incarnation, seq }) => void told.push(`${incarnation} ${name} ${seq}`),
      onGap: (name, { incarnation, from, to }) => {
        for (let seq = from; seq <= to; seq++) told.push(`${incarnation} ${name} -${seq}`);
      },
    },
    {
      patienceMs: KEEP_MS + 5_000,
      maxWaiting: 4_096,
      maxWaitingBytes: 1e6,
      maxTopics: 100,
      maxNameBytes: 10_000,
    },
  );
  const outbox = createOutbox(
    {
      clock,
      isConnected: () => state.up,
      send: ({ incarnation, messages }) =>
        new Promise((resolve, reject) => {
          const refused = state.refuses();
          clock.after(state.lateMs(), () => {
            if (refused || !state.up) return reject(new Error('refused'));
            for (const message of messages) inbox.take('p', incarnation, message);
            if (state.deaf()) return reject(new Error('no answer'));
            resolve({ clients: messages.map(() => 1) });
          });
        }),
    },
    { ...bounds, ...config },
  );
  const last = new Map<string, number>();
  const push = (name: string, onTold?: (clients: number | undefined) => void) => {
    const { incarnation } = state;
    const topic = `${incarnation} ${name}`;
    const previous = last.get(topic) ?? 0;
    const body: MessageBody = [name, previous + 1, previous, 0, new Uint8Array(100)];
    last.set(topic, previous + 1);
    outbox.push({ incarnation, body, onTold });
  };
  return { state, told, outbox, push, last };
}

const numbersOf = (told: readonly string[], topic: string) =>
  told
    .filter((line) => line.startsWith(`${topic} `))
    .map((line) => Math.abs(Number(line.slice(topic.length + 1))));

test('whatever fails on the way, each number is handed on or told, once, in order', async () => {
  const steps = fc.array(
    fc.record({
      push: fc.nat(12),
      topic: fc.constantFrom('a/.x', 'a/.y'),
      failing: fc.integer({ min: 0, max: 9 }),
      up: fc.boolean(),
      raised: fc.nat(4),
      waitMs: fc.constantFrom(0, 1, 300, 3_000, 40_000, 200_000),
    }),
    { minLength: 1, maxLength: 25 },
  );
  await fc.assert(
    fc.asyncProperty(steps, fc.infiniteStream(fc.nat(9)), async (script, dice) => {
      const clock = createManualClock();
      const { state, told, outbox, push, last } = link(clock);
      const draw = () => dice.next().value as number;
      state.lateMs = () => 1 + 5 * draw();
      for (const { push: count, topic, failing, up, raised, waitMs } of script) {
        state.up = up;
        if (raised === 0) state.incarnation++;
        state.refuses = () => draw() < failing;
        state.deaf = () => draw() < failing;
        for (let i = 0; i < count; i++) push(topic);
        if (up) outbox.wake();
        await clock.advance(waitMs);
      }
      state.up = true;
      state.refuses = state.deaf = () => false;
      outbox.wake();
      await clock.advance(20_000);
      outbox[Symbol.dispose]();
      for (const [topic, seq] of last)
        assert.deepEqual(
          numbersOf(told, topic),
          Array.from({ length: seq }, (_, i) => i + 1),
        );
    }),
    { numRuns: 60 },
  );
});

test('the last messages of a topic that nothing follows are told as lost to who was away for long', async () => {
  const clock = createManualClock();
  const { state, told, outbox, push } = link(clock);
  push('a/.x');
  await clock.advance(10);
  assert.deepEqual(told, ['1 a/.x 1']);
  state.up = false;
  push('a/.x');
  push('a/.x');
  push('a/.y');
  // By now not even their numbers are kept one by one.
  await clock.advance(20 * KEEP_MS);
  state.up = true;
  outbox.wake();
  await clock.advance(10);
  assert.deepEqual(told, ['1 a/.x 1', '1 a/.x -2', '1 a/.x -3', '1 a/.y -1']);
});

test('who is owed an answer gets one: what is given up is told once, as that', async () => {
  const clock = createManualClock();
  const { state, push } = link(clock, { maxMessages: 5 });
  const answers: (number | undefined)[] = [];
  state.up = false;
  for (let i = 0; i < 8; i++) push('a/.x', (clients) => void answers.push(clients));
  await clock.advance(1_000);
  assert.deepEqual(answers, [undefined, undefined, undefined]);
  state.up = true;
  await clock.advance(1_000);
  assert.deepEqual(answers.slice(3), [1, 1, 1, 1, 1]);
});
