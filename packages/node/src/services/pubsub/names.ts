/** Topics and patterns as nodes name them: behind their app. */
import { P2posError, type Topic } from '@p2pos/protocol';

/** The app is a token of its own, so that `>` stays within it. */
export const nameOf = (app: string, topic: string) => `${app}/.${topic}`;
export const topicOf = (name: string) => name.slice(name.indexOf('/.') + 2);

/** @throws P2posError PUBSUB_TOPIC_INVALID */
export function checked(schema: typeof Topic, topic: string): string {
  const result = schema.safeParse(topic);
  if (result.success) return topic;
  throw new P2posError('PUBSUB_TOPIC_INVALID', {
    reason: `it ${result.error.issues[0]?.message ?? 'is invalid'}`,
  });
}
