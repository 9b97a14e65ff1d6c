/** The contract of pub/sub: messages under topics, to every live subscriber, in each publisher's order. */
import { z } from 'zod';
import { MAX_PUBSUB_AFTER } from './contract/bounds.ts';
import { bytesBody, defineRoutes, json, parameter } from './contract/route.ts';
import { defineStreams } from './contract/stream.ts';
import { DeliveryReceipt } from './delivery.ts';

export const MAX_PUBSUB_MESSAGE_BYTES = 1_048_576;
/** How long publishers keep what they published, for subscribers that come back. */
export const PUBSUB_TAIL_MS = 30_000;
export const MAX_TOPIC_BYTES = 1_024;
export const MAX_TOPIC_TOKENS = 128;
/** Messages with one member of a group at a time. */
export const MAX_GROUP_MOST = 256;

const TOKEN = '[^.*>\\s\\p{C}]+';
const TOPIC = new RegExp(`^${TOKEN}(?:\\.${TOKEN})*$`, 'u');
const PATTERN = new RegExp(`^(?:${TOKEN}|\\*)(?:\\.(?:${TOKEN}|\\*))*(?:\\.>)?$|^>$`, 'u');
const utf8 = new TextEncoder();

function named(form: RegExp, what: string) {
  const error = `must be ${what} of at most ${MAX_TOPIC_TOKENS} tokens and ${MAX_TOPIC_BYTES} bytes`;
  return z
    .string()
    .refine(
      (text) =>
        text.length <= MAX_TOPIC_BYTES &&
        form.test(text) &&
        text.isWellFormed() &&
        utf8.encode(text).length <= MAX_TOPIC_BYTES &&
        text.split('.').length <= MAX_TOPIC_TOKENS,
      { error },
    );
}

/** Tokens joined by dots, as in `orders.eu.new`; no spaces, `*` or `>`. */
export const Topic = named(TOPIC, 'a topic: tokens joined by dots, without spaces, * or >,');
/** A topic in which `*` stands for one token and `>`, at the end, for one or more. */
export const TopicPattern = named(PATTERN, 'a topic, in which * is one token and > at the end the rest,');

/**
 * When a subscriber is slower than what is published: `buffer` keeps up to a bound and then drops the oldest, `latest` keeps
 * the newest of each topic, `disconnect` ends the subscription. What was dropped is told.
 */
export const SlowPolicy = z.enum(['buffer', 'latest', 'disconnect']);
export type SlowPolicy = z.output<typeof SlowPolicy>;

/** `one`: a subscriber has it; `all`: every node that was interested when it was published has it. */
export const PublishAck = z.enum(['none', 'one', 'all']);
export type PublishAck = z.output<typeof PublishAck>;

export const PublishReceipt = z.object({
  /** `<publisher>/<incarnation>/<seq>` of the topic. */
  id: z.string(),
  /** Nodes that confirmed; with `ack: none`, nodes that are interested. */
  subscribers: z.int(),
  /** Handlers on them, as far as known. */
  clients: z.int(),
  /** When it was asked for: the receivers' signatures. */
  receipt: DeliveryReceipt.optional(),
});
export type PublishReceipt = z.output<typeof PublishReceipt>;

export const TopicPresence = z.object({
  topic: z.string(),
  nodes: z.array(z.object({ peerId: z.string(), clients: z.int() })),
});
export type TopicPresence = z.output<typeof TopicPresence>;

export const pubsubRoutes = defineRoutes({
  publish: {
    summary: 'Publishes a message; says how many nodes and clients have it.',
    method: 'POST',
    path: '/v1/pubsub/publish',
    grant: 'pubsub:publish',
    subject: 'topic',
    meter: 'message',
    /** With `receipt` the answer waits for all interested nodes, unless `ack` is `one`. */
    query: { topic: Topic, ack: PublishAck.optional(), receipt: z.enum(['signed']).optional() },
    body: bytesBody(MAX_PUBSUB_MESSAGE_BYTES, { tooLarge: 'PUBSUB_MESSAGE_TOO_LARGE' }),
    output: json(PublishReceipt),
    errors: [
      'PUBSUB_TOPIC_INVALID',
      'PUBSUB_MESSAGE_TOO_LARGE',
      'PUBSUB_NO_SUBSCRIBER',
      'PUBSUB_UNCONFIRMED',
      'STATE_UNCONFIGURED',
    ],
    invalid: { topic: 'PUBSUB_TOPIC_INVALID' },
  },
  topics: {
    summary: 'What is subscribed to in this app, as far as this node knows.',
    method: 'GET',
    path: '/v1/pubsub/topics',
    grant: 'pubsub:subscribe',
    output: json(z.object({ topics: z.array(z.object({ pattern: z.string(), nodes: z.int() })) })),
    errors: [],
  },
  presence: {
    summary: 'Who is subscribed to a topic: nodes, and how many clients on each.',
    method: 'GET',
    path: '/v1/pubsub/presence',
    grant: 'pubsub:subscribe',
    subject: 'topic',
    query: { topic: parameter('topic', Topic) },
    output: json(TopicPresence),
    errors: ['PUBSUB_TOPIC_INVALID'],
    invalid: { topic: 'PUBSUB_TOPIC_INVALID' },
  },
});

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, { error: 'must be bytes' });

export const pubsubStreams = defineStreams({
  pubsub: {
    summary: 'Messages of all topics that match.',
    grant: 'pubsub:subscribe',
    subject: 'topic',
    input: {
      topic: TopicPattern,
      slow: SlowPolicy.optional(),
      /** Of a durable topic: begin here, then follow. See `TopicFrom`; the topic is one topic, no pattern. */
      from: z.string().max(40).optional(),
      /** Of a durable topic: share its messages with the other members of the group; `from` is where a new group begins. */
      group: z.string().max(64).optional(),
      /** With `group`: so many are with this member at a time and not acknowledged. Default 64; 1 for long work. */
      most: z.int().min(1).max(MAX_GROUP_MOST).optional(),
      /** Goes on from an earlier subscription: what was published in the last so many ms comes first, */
      sinceMs: z.int().min(0).optional(),
      /** but for what it had of each publisher, up to the number. */
      after: z
        .array(
          z.object({
            topic: z.string().max(MAX_TOPIC_BYTES),
            publisher: z.string().max(64),
            incarnation: z.int(),
            seq: z.int(),
          }),
        )
        .max(MAX_PUBSUB_AFTER)
        .optional(),
    },
    /** Members that will send what they publish from now on, and those that have not said so yet. */
    opened: z.object({
      confirmedBy: z.array(z.string()),
      unconfirmed: z.array(z.string()),
      /** With `from`: the sequence that is wanted next, where that is known. */
      sequence: z.int().optional(),
    }),
    events: {
      message: z.object({
        topic: z.string(),
        publisher: z.string(),
        incarnation: z.int(),
        seq: z.int(),
        /** RFC 3339, by the publisher's clock. */
        at: z.string(),
        data: bytes,
        /** With `from` or `group`: its place in the durable topic; `incarnation` is the fencing token, `seq` the same number. */
        sequence: z.int().optional(),
        /** With `group`: how often it was handed to a member, this time included, as far as is known. */
        attempt: z.int().optional(),
      }),
      /** Messages `from` to `to` of this publisher were lost on the way. */
      gap: z.object({
        topic: z.string(),
        publisher: z.string(),
        incarnation: z.int(),
        from: z.int(),
        to: z.int(),
      }),
      /** So many were dropped here because this subscriber was too slow. */
      missed: z.object({ count: z.int() }),
    },
    errors: [
      'PUBSUB_TOPIC_INVALID',
      'PUBSUB_TOO_SLOW',
      'STATE_UNCONFIGURED',
      'OVERLOADED',
      'RECORDS_QUORUM_LOST',
    ],
  },
});
