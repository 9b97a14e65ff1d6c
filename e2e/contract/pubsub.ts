/** Every operation on topics, live and durable, there and back. */
import assert from 'node:assert/strict';
import { pubsubRoutes, topicRoutes } from '@p2pos/protocol';
import type { Call } from '@p2pos/sdk';

const bytes = (text: string) => new TextEncoder().encode(text);

export const PUBSUB_CASES: Record<string, (call: Call) => Promise<void>> = {
  async 'pubsub.publish'(call) {
    const receipt = await call(pubsubRoutes.publish, { topic: 'a.b', ack: 'all', body: bytes('hello') });
    assert.deepEqual([receipt.subscribers, receipt.clients], [2, 3]);
    await assert.rejects(call(pubsubRoutes.publish, { topic: 'a.*', body: bytes('') }), {
      code: 'PUBSUB_TOPIC_INVALID',
    });
    await assert.rejects(call(pubsubRoutes.publish, { topic: 'a', body: new Uint8Array(1_048_577) }), {
      code: 'PUBSUB_MESSAGE_TOO_LARGE',
    });
  },
  async 'pubsub.topics'(call) {
    assert.deepEqual((await call(pubsubRoutes.topics, {})).topics, [{ pattern: 'a.>', nodes: 2 }]);
  },
  async 'pubsub.presence'(call) {
    assert.equal((await call(pubsubRoutes.presence, { topic: 'a.b' })).nodes[0]?.clients, 3);
  },
  async 'topics.append'(call) {
    const receipt = await call(topicRoutes.append, {
      topic: 'a.b',
      body: bytes('kept'),
      idempotencyKey: 'x',
    });
    assert.deepEqual([receipt.sequence, receipt.token], [7, 1]);
    await assert.rejects(call(topicRoutes.append, { topic: 'a.>', body: bytes('') }), {
      code: 'PUBSUB_TOPIC_INVALID',
    });
  },
  async 'topics.replay'(call) {
    assert.deepEqual(await call(topicRoutes.replay, { topic: 'a.b', from: '7', limit: 10 }), {
      messages: [],
      next: 7,
      gone: 0,
    });
    await assert.rejects(call(topicRoutes.replay, { topic: 'a.b', from: 'yesterday' }), {
      code: 'BAD_REQUEST',
    });
  },
  async 'topics.state'(call) {
    assert.equal((await call(topicRoutes.state, { topic: 'a.b' })).next, 8);
  },
  async 'topics.retain'(call) {
    const { retention } = await call(topicRoutes.retain, { topic: 'a.b', ageMs: 3_600_000, messages: 5 });
    assert.equal(retention.ageMs, 3_600_000);
  },
  async 'topics.acknowledge'(call) {
    const body = { sequences: [1, 2, 3] };
    assert.deepEqual(await call(topicRoutes.acknowledge, { topic: 'a', group: 'g', body }), {
      acknowledged: 3,
    });
  },
};
