/** What one follower holds in memory, however large the entries and however little its client reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createBudget } from '../subscriptions/budget.ts';
import { afterEntry, type Chunked, type Entry, START } from './format.ts';
import type { TopicLog } from './log.ts';
import { type From, readTopic, type TopicEvent } from './reader.ts';
import { createTold } from './told.ts';

const MESSAGE_BYTES = 1_000_000;

/** One entry of messages that lie in chunks. */
function open(messages: number) {
  const data: Chunked = { id: new Uint8Array(16), bytes: MESSAGE_BYTES, hash: new Uint8Array(32) };
  const one = { publisher: 'p', at: 0, id: new Uint8Array(16), data };
  const entry: Entry = {
    token: 1,
    sequence: 1,
    bytes: 0,
    messages: Array.from({ length: messages }, () => one),
  };
  const hint = afterEntry(1, entry);
  const topic = {
    head: async () => ({ first: START, hint }),
    read: async (number: number) => (number === 1 ? { entry, after: hint } : undefined),
    search: async () => 2,
  } as unknown as TopicLog;
  const clock = createManualClock();
  const budget = createBudget({ maxBytes: 1e9, maxBytesPerApp: 10e6 });
  const payloads = { read: async () => new Uint8Array(MESSAGE_BYTES) };
  const follow = () =>
    readTopic(
      {
        topic,
        payloads,
        clock,
        share: () => budget.share('app'),
        listen: () => assert.fail('not to the end'),
      },
      { from: { kind: 'start' }, until: 'end' },
      { signal: new AbortController().signal },
    );
  return { clock, budget, follow };
}

const sizeOf = (events: readonly TopicEvent[]) =>
  events.reduce((sum, event) => sum + (event.type === 'message' ? event.data.length : 0), 0);

test('an entry of large messages is handed on message by message', async () => {
  const { follow } = open(50);
  let count = 0;
  for await (const events of follow()) {
    assert.ok(sizeOf(events) <= MESSAGE_BYTES);
    count += sizeOf(events) / MESSAGE_BYTES;
  }
  assert.equal(count, 50);
});

test('of many followers whose clients do not read, those that find no room wait, and lose nothing', async () => {
  const { clock, budget, follow } = open(5);
  const followers = Array.from({ length: 20 }, follow);
  const counts = await Promise.all(
    followers.map(async (one) => {
      await one.next();
      return { one, first: one.next() };
    }),
  );
  await clock.advance(5_000);
  assert.ok(budget.bytes <= 5e6 && budget.bytes > 2e6, `${budget.bytes}`);
  const read = counts.map(async ({ one, first }) => {
    let size = sizeOf((await first).value as readonly TopicEvent[]);
    for await (const events of one) size += sizeOf(events);
    return size;
  });
  for (let i = 0; i < 200; i++) await clock.advance(500);
  for (const size of await Promise.all(read)) assert.equal(size, 5 * MESSAGE_BYTES);
  assert.equal(budget.bytes, 0);
});

/** A log of one message an entry, of which followers hear nothing unless they look. */
function growing() {
  let written = 0;
  const positionAt = (number: number) => ({ entry: number, sequence: number, bytes: 0 });
  const entryAt = (number: number): Entry => ({
    token: 1,
    sequence: number,
    bytes: 0,
    messages: [{ publisher: 'p', at: number, id: new Uint8Array(16), data: new Uint8Array(0) }],
  });
  const log = {
    /** So many more. */
    write(count: number) {
      written += count;
    },
    /** Before each look at an entry. */
    onRead() {},
    hint: 1,
    follow(from: From) {
      const topic = {
        head: async () => ({ first: START, hint: positionAt(log.hint) }),
        async read(number: number) {
          log.onRead();
          return number <= written ? { entry: entryAt(number), after: positionAt(number + 1) } : undefined;
        },
        async search(low: number, high: number, wanted: (entry: Entry) => boolean) {
          for (let number = low; number < high; number++)
            if (number <= written && wanted(entryAt(number))) return number;
          return high;
        },
      } as unknown as TopicLog;
      const payloads = { read: () => assert.fail('there are none') };
      const listen = async () => (async function* () {})();
      const { signal } = new AbortController();
      return readTopic({ topic, payloads, clock: createManualClock(), listen }, { from }, { signal });
    },
  };
  return log;
}

/** So many messages, without any time going by. */
async function sequencesOf(events: AsyncIterable<readonly TopicEvent[]>, count: number) {
  const sequences: number[] = [];
  for await (const batch of events) {
    for (const event of batch) if (event.type === 'message') sequences.push(event.sequence);
    if (sequences.length >= count) break;
  }
  return sequences;
}

test('who follows a log that grows as fast as it is read begins all the same', async () => {
  for (const from of [{ kind: 'sequence', sequence: 5 } as const, { kind: 'time', at: 5 } as const]) {
    const log = growing();
    let looks = 0;
    log.write(10);
    log.onRead = () => {
      assert.ok(++looks < 1_000, 'it has not begun yet');
      log.write(1);
    };
    assert.deepEqual(
      await sequencesOf(log.follow(from), 20),
      Array.from({ length: 20 }, (_, i) => 5 + i),
    );
  }
});

test('what was not there when it was read ahead is read again as soon as its turn has come', {
  timeout: 5_000,
}, async () => {
  const log = growing();
  log.write(1);
  const events = log.follow({ kind: 'start' });
  assert.deepEqual((await events.next()).value, [{ type: 'begin', sequence: null }]);
  assert.equal((await events.next()).value?.length, 1);
  log.write(2);
  log.hint = 4;
  assert.deepEqual(await sequencesOf(events, 2), [2, 3]);
});

test('of what was told the next stay, within entries and bytes', () => {
  const told = createTold({ maxEntries: 4, maxBytes: 100 });
  const found = { after: START };
  for (const number of [5, 9, 1_000, 6, 7, 8]) told.add(number, found, 20);
  assert.deepEqual(
    [5, 6, 7, 8, 9, 1_000].map((number) => told.get(number) !== undefined),
    [true, true, true, true, false, false],
  );
  told.add(4, found, 90);
  assert.deepEqual([told.get(4) !== undefined, told.last()], [true, 4]);
  told.advance(5);
  told.add(6, found, 100);
  assert.deepEqual([told.get(4), told.last()], [undefined, 6]);
});
