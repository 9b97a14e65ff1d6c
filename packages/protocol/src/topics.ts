/** The contract of durable topics: messages that are kept, under one sequence a topic, and groups that share them. */
import { z } from 'zod';
import { MAX_TOPIC_ACKS } from './contract/bounds.ts';
import { bytesBody, defineRoutes, header, json, jsonBody } from './contract/route.ts';
import { Blob64, duration, integer } from './contract/values.ts';
import { MAX_PUBSUB_MESSAGE_BYTES, Topic } from './pubsub.ts';

const FROM = /^(?:start|end|[1-9]\d{0,15}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)$/;

/**
 * Where to begin in a durable topic: `start` (the oldest that is kept), `end` (what comes next), a sequence, or a time in UTC
 * (the first published then or later).
 */
export const TopicFrom = z
  .string()
  .regex(FROM, { error: 'must be start, end, a sequence, or a time in UTC such as 2026-11-21T01:02:03Z' });
export type TopicFrom = z.output<typeof TopicFrom>;

/** Of consumers that share a topic's messages. */
export const TopicGroup = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, {
  error: 'must be 1 to 64 letters, digits, _ or -',
});

export const MAX_TOPIC_PAGE = 1_000;

export const TopicReceipt = z.object({
  topic: z.string(),
  sequence: z.int(),
  /** Fencing token under which the sequence was given. */
  token: z.int(),
  /** Nodes with live subscribers that were told as well; 0 for a repeat, of which they have heard. */
  subscribers: z.int(),
});
export type TopicReceipt = z.output<typeof TopicReceipt>;

export const TopicState = z.object({
  topic: z.string(),
  /** Node that gives the sequence now. */
  holder: z.string().nullable(),
  /** What is kept at least; the rest goes soon. */
  retention: z.object({ ageMs: z.int(), messages: z.int(), bytes: z.int() }),
  /** The oldest sequence that is kept, and the next that will be given; up to a second behind. */
  first: z.int(),
  next: z.int(),
  bytes: z.int(),
});
export type TopicState = z.output<typeof TopicState>;

const TopicMessage = z.object({
  sequence: z.int(),
  publisher: z.string(),
  /** RFC 3339, by the publisher's clock. */
  at: z.string(),
  data: Blob64,
});

const errors = ['PUBSUB_TOPIC_INVALID', 'STATE_UNCONFIGURED', 'RECORDS_QUORUM_LOST'] as const;
const invalid = { topic: 'PUBSUB_TOPIC_INVALID' } as const;

export const topicRoutes = defineRoutes({
  append: {
    summary: 'Publishes a message that is kept: answered with its sequence when a majority has it on disk.',
    method: 'POST',
    path: '/v1/pubsub/append',
    grant: 'pubsub:publish',
    subject: 'topic',
    meter: 'kept-message',
    query: { topic: Topic },
    headers: { idempotencyKey: header('idempotency-key', z.string().min(1).max(255).optional()) },
    body: bytesBody(MAX_PUBSUB_MESSAGE_BYTES, { tooLarge: 'PUBSUB_MESSAGE_TOO_LARGE' }),
    output: json(TopicReceipt),
    errors: [...errors, 'PUBSUB_MESSAGE_TOO_LARGE', 'STORE_FULL'],
    invalid,
  },
  replay: {
    summary: 'Messages of a durable topic from some point on, one page.',
    method: 'GET',
    path: '/v1/pubsub/replay',
    grant: 'pubsub:subscribe',
    subject: 'topic',
    query: { topic: Topic, from: TopicFrom.optional(), limit: integer(1, MAX_TOPIC_PAGE).optional() },
    output: json(
      z.object({
        messages: z.array(TopicMessage),
        /** Begin the next page here; null: the end for now. */
        next: z.int().nullable(),
        /** How many of the sequences that were asked for retention has taken. */
        gone: z.int(),
      }),
    ),
    errors,
    invalid,
  },
  state: {
    summary: 'What a durable topic holds, and who gives its sequence.',
    method: 'GET',
    path: '/v1/pubsub/retention',
    grant: 'pubsub:subscribe',
    subject: 'topic',
    query: { topic: Topic },
    output: json(TopicState),
    errors,
    invalid,
  },
  retain: {
    summary: 'Sets how much of a durable topic is kept: by age, count and bytes, whichever is reached first.',
    method: 'PUT',
    path: '/v1/pubsub/retention',
    grant: 'pubsub:publish',
    subject: 'topic',
    query: {
      topic: Topic,
      ageMs: { name: 'age', schema: duration(60_000, 3_650 * 86_400_000).optional() },
      messages: integer(1, 1_000_000_000).optional(),
      bytes: integer(1, 2 ** 50).optional(),
    },
    output: json(TopicState),
    errors,
    invalid,
    repeatable: true,
  },
  acknowledge: {
    summary: 'Says that a member of a group is done with messages, so that nobody gets them again.',
    method: 'POST',
    path: '/v1/pubsub/acknowledge',
    grant: 'pubsub:subscribe',
    subject: 'topic',
    query: { topic: Topic, group: TopicGroup },
    body: jsonBody(z.object({ sequences: z.array(z.int().min(1)).min(1).max(MAX_TOPIC_ACKS) }), 32_768),
    output: json(z.object({ acknowledged: z.int() })),
    errors,
    invalid,
    repeatable: true,
  },
});
