/** What clients ask of durable topics, as it is handed to the rules. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTopicHandlers } from './routes.ts';

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
