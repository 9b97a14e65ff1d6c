/**
 * How many messages the subscribers of this node do not get: for metrics, and for `p2pctl doctor`. What a queue dropped counts at
 * once, though its subscriber should never read on and be told; what was lost before it came here counts when it is told.
 */
import type { Pubsub } from './pubsub.ts';
import type { SubscriptionEvent } from './subscriptions/subscription.ts';

export interface CountedPubsub {
  /** The same, counted. */
  readonly pubsub: Pubsub;
  missed(): number;
}

export function countLosses(pubsub: Pubsub): CountedPubsub {
  let missed = 0;

  async function* counted(batches: AsyncIterable<readonly SubscriptionEvent[]>) {
    for await (const batch of batches) {
      for (const event of batch) {
        if (event.type === 'gap') missed += event.to - event.from + 1;
      }
      yield batch;
    }
  }

  return {
    pubsub: {
      ...pubsub,
      async subscribe(input, options) {
        const onDropped = (count: number) => {
          missed += count;
        };
        const { batches, ...subscribed } = await pubsub.subscribe(input, { ...options, onDropped });
        return { ...subscribed, batches: counted(batches) };
      },
    },
    missed: () => missed,
  };
}
