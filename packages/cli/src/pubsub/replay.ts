import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';
import { printMessage } from './message.ts';

export const replayTopic: Action = async (invocation, [topic = ''], flags) => {
  const { signal } = invocation;
  const limit = Number(flags['limit'] ?? Number.POSITIVE_INFINITY);
  if (!(limit >= 1)) throw usage('--limit is a number of messages.', 'p2pctl pubsub replay TOPIC --limit 10');
  await withNode(invocation, async ({ client }) => {
    let printed = 0;
    for await (const message of client.topics.replay(topic, { from: flags['from'] as string, signal })) {
      printMessage(invocation, message);
      if (++printed >= limit) return;
    }
  });
  return undefined;
};
