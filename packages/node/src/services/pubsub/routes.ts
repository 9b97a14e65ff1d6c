/** Binds the contract of pub/sub (`protocol/src/pubsub.ts`) to its rules. */
import type {
  pubsubRoutes,
  pubsubStreams,
  RouteHandlers,
  StreamEvent,
  StreamHandlers,
} from '@p2pos/protocol';
import { timeOf } from './names.ts';
import type { Pubsub } from './pubsub.ts';
import type { SubscriptionEvent } from './subscriptions/subscription.ts';
import { type Durable, followDurable } from './topics/routes.ts';

export function createPubsubHandlers(pubsub: Pubsub): RouteHandlers<typeof pubsubRoutes> {
  return {
    publish: async ({ topic, ack, receipt, body }, { app, signal }) =>
      pubsub.publish({ app, topic, data: body, ack, signed: receipt === 'signed' }, { signal }),
    topics: async (_input, { app }) => ({ topics: pubsub.topics(app).map((one) => ({ ...one })) }),
    presence: async ({ topic }, { app, signal }) => ({
      topic,
      nodes: (await pubsub.presence({ app, topic }, { signal })).map((one) => ({ ...one })),
    }),
  };
}

export function createPubsubStreams(pubsub: Pubsub, durable: Durable): StreamHandlers<typeof pubsubStreams> {
  return {
    async pubsub({ from, group, most, ...input }, { app, signal }) {
      if (from !== undefined || group !== undefined)
        return followDurable(durable, { app, topic: input.topic, from, group, most }, signal);
      const { confirmedBy, unconfirmed, batches } = await pubsub.subscribe({ ...input, app }, { signal });
      return {
        opened: { confirmedBy: [...confirmedBy], unconfirmed: [...unconfirmed] },
        events: dated(batches),
      };
    },
  };
}

type Told = StreamEvent<(typeof pubsubStreams)['pubsub']>;

/** As clients get it: one object for all of them, so that it is encoded once. It goes with the event that it was made of. */
const TOLD: unique symbol = Symbol('told');

function tell(event: SubscriptionEvent & { [TOLD]?: Told }): Told {
  if (event.type !== 'message') return event;
  event[TOLD] ??= { ...event, at: timeOf(event) };
  return event[TOLD];
}

async function* dated(batches: AsyncIterable<readonly SubscriptionEvent[]>) {
  for await (const batch of batches) yield batch.map(tell);
}
