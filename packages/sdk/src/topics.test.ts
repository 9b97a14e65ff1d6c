/** What a member of a group begins of what it is handed: nothing twice, and nothing that is another's by now. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SubscribeBatches } from './socket/subscribe.ts';
import { createManualTiming, type ManualTiming } from './testing/manual-timing.ts';
import { createTopicsClient, type GroupMessage } from './topics.ts';

const open = { type: 'open', confirmedBy: [], unconfirmed: [] };
const message = (sequence: number, attempt = 1) => {
  const at = '2026-01-01T00:00:00Z';
  const data = new TextEncoder().encode(`${sequence}`);
  return {
    type: 'message',
    topic: 'a',
    publisher: 'p',
    incarnation: 1,
    seq: sequence,
    sequence,
    at,
    data,
    attempt,
  };
};

interface Played {
  readonly timing: ManualTiming;
  readonly messages: AsyncIterator<GroupMessage>;
  /** What was subscribed to. */
  readonly asked: readonly object[];
  /** Sequences of each call that acknowledged some. */
  readonly acknowledged: readonly (readonly number[])[];
  /** As if the node had sent it. */
  send(...events: readonly object[]): Promise<void>;
  /** Whether the subscription has ended. */
  isOver(): boolean;
  wait(delayMs: number): Promise<void>;
}

function consume(): Played {
  const timing = createManualTiming();
  let batches = Promise.withResolvers<readonly object[]>();
  let over = false;
  const asked: object[] = [];
  const subscribe = async function* (_: unknown, input: object, { signal }: { signal: AbortSignal }) {
    asked.push(input);
    const ended = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    for (;;) {
      const batch = await Promise.race([batches.promise, ended]);
      if (!batch) break;
      batches = Promise.withResolvers();
      yield batch;
    }
    over = true;
  } as unknown as SubscribeBatches;
  const acknowledged: number[][] = [];
  const call = async (_: string, { body }: { readonly body: { readonly sequences: number[] } }) => {
    acknowledged.push(body.sequences);
    return { acknowledged: body.sequences.length };
  };
  const client = createTopicsClient({ call: call as never, subscribe, timing });
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    timing,
    messages: client.consume('a', 'g', { from: 'end', most: 1 })[Symbol.asyncIterator](),
    asked,
    acknowledged,
    async send(...events) {
      batches.resolve(events);
      await turn();
    },
    isOver: () => over,
    async wait(delayMs) {
      timing.after(delayMs, () => {});
      await timing.next();
    },
  };
}

async function take({ messages }: Played): Promise<string> {
  const { done, value } = await messages.next();
  return done ? 'end' : `${value.sequence} ${value.attempt}`;
}

test('what comes again while it waits is begun once', async () => {
  const played = consume();
  const first = take(played);
  await played.send(open, message(1), message(2), message(3));
  assert.equal(await first, '1 1');
  await played.send(message(2, 2), message(4));
  assert.deepEqual([await take(played), await take(played), await take(played)], ['2 2', '3 1', '4 1']);
  assert.deepEqual(played.asked, [{ topic: 'a', group: 'g', from: 'end', most: 1 }]);
});

test('what has waited for so long that the group gave it to another is not begun', async () => {
  const played = consume();
  const first = take(played);
  await played.send(open, message(1), message(2), message(3));
  assert.equal(await first, '1 1');
  await played.wait(20_000);
  await played.send(message(3, 2));
  await played.wait(10_000);
  assert.equal(await take(played), '3 2');
});

test('what was handed to a subscription that broke is not begun', async () => {
  const played = consume();
  const first = take(played);
  await played.send(open, message(1), message(2));
  assert.equal(await first, '1 1');
  await played.send(open, message(5));
  assert.equal(await take(played), '5 1');
});

test('who stops leaves the group', async () => {
  const played = consume();
  const first = take(played);
  await played.send(open, message(1));
  await first;
  await played.messages.return?.();
  await played.send();
  assert.ok(played.isOver());
  assert.equal(await take(played), 'end');
});

test('acknowledgements go together: after a moment, or at once when there are many', async () => {
  const played = consume();
  const first = played.messages.next();
  await played.send(open, ...Array.from({ length: 20 }, (_, i) => message(i + 1)));
  const all: GroupMessage[] = [(await first).value];
  while (all.length < 20) all.push((await played.messages.next()).value);
  const acks = all.map((one) => one.ack());
  assert.deepEqual(played.acknowledged, [Array.from({ length: 16 }, (_, i) => i + 1)]);
  await played.timing.next();
  assert.deepEqual(played.acknowledged.slice(1), [[17, 18, 19, 20]]);
  await Promise.all(acks);
  assert.equal(played.timing.pending(), 0);
});
