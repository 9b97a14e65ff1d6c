/** What clients ask of durable topics, as it is handed to the rules. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TopicEvent } from './reader.ts';
import { createTopicHandlers, followDurable } from './routes.ts';

test('an append that was answered before is not told again to those who listen', async () => {
  const kept = new Set<string>();
  const heard: string[] = [];
  const topics = {
    async append({ idempotencyKey = '' }: { readonly idempotencyKey?: string }) {
      const repeated = kept.has(idempotencyKey);
      kept.add(idempotencyKey);
      return { sequence: 7, token: 1, ...(repeated && { repeated }) };
    },
  };
  const pubsub = {
    async publish({ topic }: { readonly topic: string }) {
      heard.push(topic);
      return { id: 'p/1/1', subscribers: 2, clients: 2 };
    },
  };
  const { append } = createTopicHandlers({ topics, groups: {} } as never, pubsub);
  const input = { topic: 'log', idempotencyKey: 'key', body: new Uint8Array(1) };
  const context = { app: 'a', signal: new AbortController().signal } as never;
  const receipt = { topic: 'log', sequence: 7, token: 1 };
  assert.deepEqual(await append(input, context), { ...receipt, subscribers: 2 });
  assert.deepEqual(await append(input, context), { ...receipt, subscribers: 0 });
  assert.deepEqual(heard, ['log']);
});

test('where a reader begins is a number or a time that the log can hold', async () => {
  const asked: object[] = [];
  const topics = {
    async *read({ from }: { readonly from: object }): AsyncGenerator<readonly TopicEvent[]> {
      asked.push(from);
      yield [];
    },
  };
  const { replay } = createTopicHandlers({ topics, groups: {} } as never, {} as never);
  const context = { app: 'a', signal: new AbortController().signal } as never;
  for (const from of ['9007199254740991', '1969-07-20T20:17:40.123456789Z'])
    await replay({ topic: 'log', from }, context);
  assert.deepEqual(asked, [
    { kind: 'sequence', sequence: Number.MAX_SAFE_INTEGER },
    { kind: 'time', at: 0 },
  ]);
  for (const from of ['9007199254740993', '2026-02-31T99:00:00Z'])
    await assert.rejects(async () => replay({ topic: 'log', from }, context), { code: 'BAD_REQUEST' });
});

test('a member of a group says how much it takes at a time', async () => {
  const asked: object[] = [];
  const groups = {
    async *consume(input: object) {
      asked.push(input);
      yield [];
    },
  };
  const input = { app: 'a', topic: 'log', group: 'g', from: 'end', most: 3 };
  const { events } = await followDurable(
    { topics: {}, groups } as never,
    input,
    new AbortController().signal,
  );
  for await (const _ of events);
  assert.deepEqual(asked, [{ ...input, from: { kind: 'end' } }]);
});
