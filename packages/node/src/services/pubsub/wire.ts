/** What members say to each other about topics. Every topic and pattern stands behind its app: `<app>/.<topic>`. */
import {
  integerSchema,
  MAX_PUBSUB_AFTER,
  MAX_PUBSUB_MESSAGE_BYTES,
  MAX_TOPIC_BYTES,
  patternSchema,
  signatureSchema,
} from '@p2pos/protocol';
import { z } from 'zod';
import { defineCapability } from '../../core/rpc/index.ts';

/** Patterns in one statement of interest; more come in further ones. */
export const MAX_PATTERNS = 1_024;
export const MAX_BATCH = 1_024;
/** Of the data of a batch; a greater message travels alone. */
export const MAX_BATCH_BYTES = 512 * 1_024;
/** Signatures that one batch may ask for. */
export const MAX_SIGNED = 64;
const MAX_NAME_BYTES = MAX_TOPIC_BYTES + 64;

/**
 * `[name, seq, previous, at, data]`: `previous` is the seq of the last message of the topic that was meant for this member, 0 for
 * none, so that it knows what it misses; `at` is ms since the epoch. `data` null: that one could not be kept for it, and `at` is
 * `previous`, or where less than that is the number after which none could.
 */
export type MessageBody = readonly [
  name: string,
  seq: number,
  previous: number,
  at: number,
  data: Uint8Array | null,
];

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= MAX_NAME_BYTES && value.indexOf('/.') > 0;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isMessage(item: unknown): item is MessageBody {
  if (!Array.isArray(item) || item.length !== 5) return false;
  const [name, seq, previous, at, data] = item as unknown[];
  return (
    isName(name) &&
    isCount(seq) &&
    seq > 0 &&
    isCount(previous) &&
    previous < seq &&
    isCount(at) &&
    (data === null || (data instanceof Uint8Array && data.length <= MAX_PUBSUB_MESSAGE_BYTES))
  );
}

const patterns = z.custom<readonly string[]>(
  (value) => Array.isArray(value) && value.length <= MAX_PATTERNS && value.every(isName),
  { error: `must be at most ${MAX_PATTERNS} patterns` },
);
const incarnation = integerSchema(1, Number.MAX_SAFE_INTEGER);
const serial = integerSchema(1, Number.MAX_SAFE_INTEGER);

export const PUBSUB = defineCapability('/p2pos/pubsub/1.0.0', {
  /** What the sender wants to hear of from now on, as a change of what it said `after`, or the whole. */
  interest: {
    id: 1,
    input: z.strictObject({
      incarnation,
      serial,
      after: integerSchema(0).nullable(),
      digest: patternSchema(/^[0-9a-f]{1,16}$/, 'must be 64 bits in hex').nullable(),
      add: patterns,
      remove: patterns,
    }),
    /** False: what is known here is not what the sender holds, the whole is wanted. */
    output: z.strictObject({ known: z.boolean() }),
    maxBodyBytes: 4 * 1_048_576,
  },
  /** Messages of the sender, in its order. */
  deliver: {
    id: 2,
    input: z.strictObject({
      incarnation,
      /** The receiver's, as its interest told it; another process of it takes nothing. */
      receiver: incarnation,
      messages: z.custom<readonly MessageBody[]>(
        (value) =>
          Array.isArray(value) && value.length > 0 && value.length <= MAX_BATCH && value.every(isMessage),
        { error: `must be 1 to ${MAX_BATCH} messages` },
      ),
      /** Which of them, by their place, the receiver shall sign for; absent: none. */
      sign: z.array(integerSchema(0, MAX_BATCH)).max(MAX_SIGNED).optional(),
    }),
    /** How many clients each was handed to; and for each that was asked for, when and by which signature. */
    output: z.strictObject({
      clients: z.array(integerSchema(0, 1_000_000)).max(MAX_BATCH),
      signed: z
        .array(z.tuple([integerSchema(0), signatureSchema]))
        .max(MAX_SIGNED)
        .optional(),
      /** Which of them, by their place, came too late: they were told as lost. Absent: none. */
      late: z.array(integerSchema(0, MAX_BATCH)).max(MAX_BATCH).optional(),
    }),
    maxBodyBytes: 2 * 1_048_576,
  },
  /** What the receiver published lately under the names that match, in its order, in pages. */
  tail: {
    id: 4,
    input: z.strictObject({
      pattern: z.custom<string>(isName, { error: 'must be a pattern' }),
      sinceMs: integerSchema(0),
      /** Only of this incarnation of the receiver: names, and the number up to which they are known. */
      incarnation: integerSchema(0),
      after: z
        .array(z.tuple([z.custom<string>(isName, { error: 'must be a topic' }), integerSchema(0)]))
        .max(MAX_PUBSUB_AFTER),
      cursor: integerSchema(0),
    }),
    output: z.strictObject({
      incarnation,
      messages: z.custom<readonly MessageBody[]>(
        (value) => Array.isArray(value) && value.length <= MAX_BATCH && value.every(isMessage),
        { error: `must be at most ${MAX_BATCH} messages` },
      ),
      cursor: integerSchema(0).nullable(),
    }),
    cost: 'bulk',
    maxBodyBytes: 2 * 1_048_576,
  },
  /** How many clients here match a topic. */
  presence: {
    id: 3,
    input: z.strictObject({ name: z.custom<string>(isName, { error: 'must be a topic' }) }),
    output: z.strictObject({ clients: integerSchema(0, 1_000_000) }),
  },
});

/** Of no pattern at all; that of several is the exclusive or of theirs. */
export const emptyDigest = 0n;

/** 64 bits in the manner of FNV-1a: against what went wrong, not against who means harm to itself. */
export function digestOf(pattern: string): bigint {
  let low = 0x84222325;
  let high = 0xcbf29ce4;
  for (let i = 0; i < pattern.length; i++) {
    low = Math.imul(low ^ pattern.charCodeAt(i), 0x01b3) >>> 0;
    high = Math.imul(high ^ low, 0x01000193) >>> 0;
  }
  return (BigInt(high) << 32n) | BigInt(low);
}
