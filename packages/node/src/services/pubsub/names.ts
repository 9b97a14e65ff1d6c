/** Topics and patterns as nodes name them: behind their app. */
import { formatTimestamp, P2posError, type Topic } from '@p2pos/protocol';

/** The app is a token of its own, so that `>` stays within it. */
export const nameOf = (app: string, topic: string) => `${app}/.${topic}`;
export const appOf = (name: string) => name.slice(0, name.indexOf('/'));
export const topicOf = (name: string) => name.slice(name.indexOf('/.') + 2);

/** @throws P2posError PUBSUB_TOPIC_INVALID */
export function checked(schema: typeof Topic, topic: string): string {
  const result = schema.safeParse(topic);
  if (result.success) return topic;
  throw new P2posError('PUBSUB_TOPIC_INVALID', {
    reason: `it ${result.error.issues[0]?.message ?? 'is invalid'}`,
  });
}

let lastAt = 0;
let lastText = formatTimestamp(0);

/** RFC 3339, of a message's `at`; many of one millisecond come after each other. */
export function timeOf({ at }: { readonly at: number }): string {
  if (at !== lastAt) {
    lastText = formatTimestamp(at);
    lastAt = at;
  }
  return lastText;
}
