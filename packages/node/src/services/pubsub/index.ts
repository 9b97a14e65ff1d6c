/**
 * Pub/sub (D7): messages under topics, from any node to every live subscriber on every other.
 *
 * Promises: a subscriber that a publisher can reach gets each message once, in that publisher's order; what it cannot get it
 * is told of, as a gap or as missed; a receipt says how many nodes and clients really have the message; a slow subscriber
 * costs nobody else anything. DESIGN.md names the test of each.
 *
 * @example
 * await using pubsub = createPubsub({ self, rpc, net, membership, incarnation, clock, random, log });
 * const { batches } = await pubsub.subscribe({ app: 'default', topic: 'orders.>' }, { signal });
 * await pubsub.publish({ app: 'default', topic: 'orders.new', data, ack: 'all' }); // { id, subscribers: 1, clients: 1 }
 * for await (const [event] of batches) event?.type; // 'message'
 */
export { countLosses } from './losses.ts';
export { createPubsub, type Pubsub } from './pubsub.ts';
export { createPubsubHandlers, createPubsubStreams } from './routes.ts';
export { createGroups, type Groups } from './topics/groups/groups.ts';
export { createTopicHandlers } from './topics/routes.ts';
export { createTopics, type Topics } from './topics/topics.ts';
