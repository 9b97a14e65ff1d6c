import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countLosses } from './losses.ts';
import type { Pubsub } from './pubsub.ts';
import type { SubscriptionEvent } from './subscriptions/subscription.ts';

test('what a queue drops counts at once and not again when it is told, what was lost on the way when it is told', async () => {
  let drop: ((count: number) => void) | undefined;
  const gap = { type: 'gap', topic: 't', publisher: 'p', incarnation: 1, from: 4, to: 6 } as const;
  async function* batches(): AsyncGenerator<readonly SubscriptionEvent[]> {
    yield [{ type: 'missed', count: 5 }, gap];
  }
  const pubsub = {
    subscribe: async (_input, { onDropped } = {}) => {
      drop = onDropped;
      return { confirmedBy: [], unconfirmed: [], batches: batches() };
    },
  } satisfies Partial<Pubsub>;
  const counted = countLosses(pubsub as unknown as Pubsub);
  const subscribed = await counted.pubsub.subscribe({ app: 'a', topic: 't' });
  drop?.(5);
  assert.equal(counted.missed(), 5);
  for await (const batch of subscribed.batches) assert.equal(batch.length, 2);
  assert.equal(counted.missed(), 8);
});
