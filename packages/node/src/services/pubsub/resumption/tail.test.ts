/** What is kept for subscribers that come back, and what is told of the rest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { MAX_BATCH, type MessageBody } from '../wire.ts';
import { pageOf } from './resumption.ts';
import { createTail } from './tail.ts';

const KEEP_MS = 30_000;

function open({ maxBytes = 1e9, maxMessages = 1e6 } = {}) {
  const clock = createManualClock();
  const tail = createTail({ clock }, { keepMs: KEEP_MS, maxBytes, maxMessages });
  const life = { incarnation: 1 };
  const numbers = new Map<string, number>();
  const publish = (topic: string, bytes = 1): number => {
    const seq = (numbers.get(topic) ?? 0) + 1;
    numbers.set(topic, seq);
    tail.add(`app/.${topic}`, life.incarnation, seq, 0, new Uint8Array(bytes));
    return seq;
  };
  const query = (sinceMs: number, after: readonly [string, number][] = [], pattern = '>') => ({
    pattern: `app/.${pattern}`,
    sinceMs,
    after: new Map(after.map(([topic, seq]) => [`app/.${topic}`, seq])),
  });
  return { clock, tail, publish, numbers, query, life };
}

const lineOf = ([name, seq, previous, , data]: MessageBody) =>
  data ? `${name.slice(5)} ${seq}` : `${name.slice(5)} -${previous + 1}..${seq}`;

test('after more than 30 s the last number of each topic is told, of those heard before from the next one on', async () => {
  const { clock, tail, publish, query } = open();
  for (let i = 0; i < 3; i++) publish('heard');
  await clock.advance(40_000);
  for (let i = 0; i < 4; i++) publish('heard');
  for (let i = 0; i < 5; i++) publish('new');
  publish('other.one');
  await clock.advance(31_000);
  assert.deepEqual(tail.page({ ...query(40_000, [['heard', 3]], '*'), cursor: 0 }), {
    messages: [
      ['app/.heard', 7, 3, 0, null],
      ['app/.new', 5, 0, 0, null],
    ],
    cursor: null,
  });
  publish('heard');
  const lines = tail.page({ ...query(40_000, [['heard', 3]], 'heard'), cursor: 0 }).messages.map(lineOf);
  assert.deepEqual(lines, ['heard -4..7', 'heard 8']);
  assert.deepEqual(tail.page({ ...query(40_000, [['heard', 7]], 'heard'), cursor: 0 }).messages.map(lineOf), [
    'heard 8',
  ]);
  assert.deepEqual(tail.page({ ...query(20_000, [], 'new'), cursor: 0 }).messages, [], 'before it was there');
});

test('what a subscriber had of a topic counts, not when it subscribed', async () => {
  const { clock, tail, publish, query } = open();
  publish('a');
  await clock.advance(5_000);
  publish('a');
  await clock.advance(5_000);
  assert.deepEqual(tail.page({ ...query(1_000, [['a', 1]]), cursor: 0 }).messages.map(lineOf), ['a 2']);
});

test('a message of topics that are gone fits into a page, however many they are', async () => {
  const { clock, tail, publish, query } = open();
  const topics = Array.from({ length: 20_000 }, (_, i) => `t${i}`);
  for (const topic of topics) publish(topic);
  await clock.advance(31_000);
  publish('kept', 1e6);
  const after = topics.slice(-512).map((topic): [string, number] => [topic, 0]);
  const first = tail.page({ ...query(60_000, after), cursor: 0 });
  assert.ok(first.messages.length > 512 && first.messages.length <= MAX_BATCH);
  const second =
    first.cursor === null ? [] : tail.page({ ...query(60_000, after), cursor: first.cursor }).messages;
  assert.equal([...first.messages, ...second].map(lineOf).at(-1), 'kept 1');
});

test('numbers of one incarnation never go under another', () => {
  const { tail, publish, query, numbers, life } = open();
  const page = () => pageOf(tail, 2, { ...query(1_000), incarnation: 0, after: [], cursor: 0 });
  for (let i = 0; i < 3; i++) publish('a');
  assert.deepEqual([page().incarnation, page().messages.map(lineOf)], [1, ['a 1', 'a 2', 'a 3']]);
  numbers.clear();
  life.incarnation = 2;
  publish('a');
  assert.deepEqual([page().incarnation, page().messages.map(lineOf)], [2, ['a 1']]);
});

test('whatever is dropped meanwhile, each number beyond what was heard is handed on or told, in order', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ topic: fc.constantFrom('a', 'b', 'c'), bytes: fc.nat(90_000) }) },
    { weight: 1, arbitrary: fc.record({ waitMs: fc.nat(20_000) }) },
  );
  const steps = fc.array(step, { maxLength: 60, size: 'max' });
  await fc.assert(
    fc.asyncProperty(steps, fc.array(steps, { maxLength: 6 }), fc.nat(5), async (before, between, had) => {
      const { clock, tail, publish, numbers, query } = open({ maxBytes: 1_000_000, maxMessages: 40 });
      const run = async (some: typeof before) => {
        for (const one of some)
          if ('topic' in one) publish(one.topic, one.bytes);
          else await clock.advance(one.waitMs);
      };
      await run(before);
      const after = ['a', 'b'].map((topic): [string, number] => [topic, had]);
      const reached = new Map(after);
      const wanted = new Map(numbers);
      const asked = query(10_000, after);
      for (let cursor: number | null = 0; cursor !== null; ) {
        const page = tail.page({ ...asked, cursor });
        for (const [name, seq, previous, , data] of page.messages) {
          const topic = name.slice(5);
          const last = reached.get(topic) ?? 0;
          if (seq <= last) continue;
          if (after.some(([heard]) => heard === topic))
            assert.ok((data ? seq - 1 : Math.max(previous, last)) === last, `${topic} ${seq} after ${last}`);
          reached.set(topic, seq);
        }
        cursor = page.cursor;
        await run(between.shift() ?? []);
      }
      for (const [topic] of after)
        assert.ok((reached.get(topic) ?? 0) >= (wanted.get(topic) ?? 0), `${topic} ${reached.get(topic)}`);
    }),
    { numRuns: 100 },
  );
});
