/** What the client makes of numbers: copies are dropped and gaps told, also over a reconnect. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPubsubClient, type PubsubEvent } from './pubsub.ts';
import type { SubscribeBatches } from './socket/subscribe.ts';

const message = (seq: number, publisher = 'p', topic = 'a') => {
  const data = new TextEncoder().encode(`${seq}`);
  return { type: 'message', topic, publisher, incarnation: 1, seq, at: '2026-01-01T00:00:00Z', data };
};
const open = { type: 'open', confirmedBy: [], unconfirmed: [] };
const gap = (from: number, to: number) => ({
  type: 'gap',
  topic: 'a',
  publisher: 'p',
  incarnation: 1,
  from,
  to,
});

/** What is told of these batches; what a reconnect after the last would ask for goes to `asked`. */
async function told(batches: readonly (readonly object[])[], asked: object[] = []): Promise<string[]> {
  const subscribe = async function* (_: unknown, input: object, options: unknown) {
    yield* batches;
    const { resume } = options as { resume(input: object, last: object): object };
    asked.push(resume(input, batches.at(-1)?.at(-1) ?? {}));
  } as unknown as SubscribeBatches;
  let now = 1_000;
  const client = createPubsubClient({
    call: () => assert.fail('nothing is called'),
    subscribe,
    timing: { now: () => now++ },
  });
  const lines: string[] = [];
  for await (const event of client.subscribe('>')) lines.push(lineOf(event));
  return lines;
}

function lineOf(event: PubsubEvent): string {
  if (event.type === 'message') return `${event.publisher}/${event.topic} ${event.seq} ${event.text()}`;
  if (event.type === 'gap') return `gap ${event.from}-${event.to}`;
  return event.type;
}

test('copies are dropped, what is missing between two numbers is told', async () => {
  const batches = [
    [open, message(3), message(3)],
    [message(4), message(7), gap(6, 9), message(10)],
  ];
  assert.deepEqual(await told(batches), [
    'open',
    'p/a 3 3',
    'p/a 4 4',
    'gap 5-6',
    'p/a 7 7',
    'gap 8-9',
    'p/a 10 10',
  ]);
});

test('topics and publishers are counted apart, however they alternate', async () => {
  const batches = [[open, message(1), message(5, 'q'), message(2), message(9, 'p', 'b'), message(6, 'q')]];
  assert.deepEqual(await told(batches), ['open', 'p/a 1 1', 'q/a 5 5', 'p/a 2 2', 'p/b 9 9', 'q/a 6 6']);
});

test('after dropped ones nobody knows which the next number follows', async () => {
  const batches = [[open, message(1), { type: 'missed', count: 3 }, message(5), message(8)]];
  assert.deepEqual(await told(batches), ['open', 'p/a 1 1', 'missed', 'p/a 5 5', 'gap 6-7', 'p/a 8 8']);
});

test('who talks is remembered, however many others are heard in between', async () => {
  const asked: { after: { publisher: string; seq: number }[] }[] = [];
  const others = Array.from({ length: 30_000 }, (_, i) =>
    i % 1_000 === 0 ? message(i / 1_000 + 1, 'talks') : message(1, `once ${i}`),
  );
  const lines = await told([[open, ...others, message(35, 'talks')]], asked);
  assert.deepEqual(lines.slice(-2), ['gap 31-34', 'talks/a 35 35']);
  assert.equal(asked[0]?.after.at(-1)?.seq, 35);
});

test('a reconnect asks for what follows the newest number of each source', async () => {
  const asked: object[] = [];
  await told([[open, message(1), message(2)], [message(4, 'q')]], asked);
  assert.deepEqual(asked, [
    {
      topic: '>',
      sinceMs: 1_001,
      after: [
        { topic: 'a', publisher: 'p', incarnation: 1, seq: 2 },
        { topic: 'a', publisher: 'q', incarnation: 1, seq: 4 },
      ],
    },
  ]);
});
