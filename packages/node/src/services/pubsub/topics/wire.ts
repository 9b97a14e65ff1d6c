/** What members say to each other about durable topics: messages to whoever holds the topic, and pulls of groups' members. */
import {
  bytesSchema,
  integerSchema,
  MAX_GROUP_MOST,
  MAX_TOPIC_ACKS,
  MAX_TOPIC_BYTES,
  textSchema,
} from '@p2pos/protocol';
import { z } from 'zod';
import { defineCapability } from '../../../core/rpc/index.ts';
import { CHUNK_BYTES, MESSAGE_ID_BYTES } from './format.ts';

const app = textSchema(63, { min: 1 });
const topic = textSchema(MAX_TOPIC_BYTES, { min: 1 });
const id = bytesSchema({ min: MESSAGE_ID_BYTES, max: MESSAGE_ID_BYTES });

export const TOPICS = defineCapability('/p2pos/topics/1.0.0', {
  /** Appends a message of the sender; answered when it is on the disks of a majority. The same id twice is one message. */
  append: {
    id: 1,
    input: z.strictObject({
      app,
      topic,
      id,
      at: integerSchema(0),
      data: z.union([
        bytesSchema({ max: CHUNK_BYTES }),
        z.strictObject({
          id,
          bytes: integerSchema(1, 1_048_576),
          hash: bytesSchema({ min: 32, max: 32 }),
        }),
      ]),
    }),
    /** `repeated`: a call before this one had its answer. */
    output: z.object({
      sequence: integerSchema(1),
      token: integerSchema(1),
      repeated: z.literal(true).optional(),
    }),
  },
});

const name = z.strictObject({ app, topic, group: textSchema(64, { min: 1 }) });
const member = textSchema(64, { min: 1 });
const from = z.union([
  z.strictObject({ kind: z.literal('start') }),
  z.strictObject({ kind: z.literal('end') }),
  z.strictObject({ kind: z.literal('sequence'), sequence: integerSchema(1) }),
  z.strictObject({ kind: z.literal('time'), at: integerSchema(0) }),
]);
/** Sequence, token, publisher, when it was published, data, attempt. */
const delivery = z.tuple([
  integerSchema(1),
  integerSchema(1),
  z.string(),
  integerSchema(0),
  bytesSchema({ max: 1_048_576 }),
  integerSchema(1),
]);

export type Body = z.output<typeof delivery>;

export const GROUPS = defineCapability('/p2pos/topic-groups/1.0.0', {
  /** The next for a member of the sender, `most` with it at a time; waits about a second where there are none, or no room. */
  pull: {
    id: 1,
    input: z.strictObject({
      name,
      member,
      from,
      most: integerSchema(1, MAX_GROUP_MOST),
      /** An answer may have been lost: the last sequence that came, 0 for none. */
      last: integerSchema(0).optional(),
    }),
    output: z.strictObject({ deliveries: z.array(delivery).max(MAX_GROUP_MOST) }),
    maxBodyBytes: 16 * 1_048_576,
  },
  acknowledge: {
    id: 2,
    input: z.strictObject({ name, sequences: z.array(integerSchema(1)).min(1).max(MAX_TOPIC_ACKS) }),
    output: z.strictObject({ acknowledged: integerSchema(0) }),
  },
  leave: { id: 3, input: z.strictObject({ name, member }), output: z.strictObject({}) },
});
