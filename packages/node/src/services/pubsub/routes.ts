/** Binds the contract of pub/sub (`protocol/src/pubsub.ts`) to its rules. */
import type { pubsubRoutes, pubsubStreams, RouteHandlers, StreamHandlers } from '@p2pos/protocol';
import { type Pubsub, timeOf } from './pubsub.ts';
import type { SubscriptionEvent } from './subscription.ts';

export function createPubsubHandlers(pubsub: Pubsub): RouteHandlers<typeof pubsubRoutes> {
  return {
    publish: async ({ topic, ack, body }, { app, signal }) => {
      const { id, subscribers, clients } = await pubsub.publish({ app, topic, data: body, ack }, { signal });
      return { id, subscribers, clients };
    },
    topics: async (_input, { app }) => ({ topics: pubsub.topics(app).map((one) => ({ ...one })) }),
    presence: async ({ topic }, { app, signal }) => ({
      topic,
      nodes: (await pubsub.presence({ app, topic }, { signal })).map((one) => ({ ...one })),
    }),
  };
}

export function createPubsubStreams(pubsub: Pubsub): StreamHandlers<typeof pubsubStreams> {
  return {
    async pubsub({ topic, slow }, { app, signal }) {
      const { confirmedBy, unconfirmed, events } = await pubsub.subscribe({ app, topic, slow }, { signal });
      return {
        opened: { confirmedBy: [...confirmedBy], unconfirmed: [...unconfirmed] },
        events: dated(events),
      };
    },
  };
}

async function* dated(events: AsyncIterable<SubscriptionEvent>) {
  for await (const event of events) yield event.type === 'message' ? { ...event, at: timeOf(event) } : event;
}
