/** How many messages the subscribers of this node were told that they do not get: for metrics, and for `p2pctl doctor`. */
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
        if (event.type === 'missed') missed += event.count;
        if (event.type === 'gap') missed += event.to - event.from + 1;
      }
      yield batch;
    }
  }

  return {
    pubsub: {
      ...pubsub,
      async subscribe(input, options) {
        const { batches, ...subscribed } = await pubsub.subscribe(input, options);
        return { ...subscribed, batches: counted(batches) };
      },
    },
    missed: () => missed,
  };
}
