/**
 * What a durable topic is made of, on disk. Its log is a row of entries, numbered without a hole; each is a register that is
 * written once, by whoever holds the topic's lease, and holds some messages with their sequence. A head beside it says where
 * to look first.
 */
import { concatBytes, decodeCbor, encodeCbor, MAX_PUBSUB_MESSAGE_BYTES, P2posError } from '@p2pos/protocol';
import type { PeerId } from '../../../core/net/index.ts';

/** Where something stands: the next entry and sequence, and how many bytes of data lie before. */
export interface Position {
  readonly entry: number;
  readonly sequence: number;
  readonly bytes: number;
}

/** A message whose data lies in chunks of its own, written before it. */
export interface Chunked {
  readonly id: Uint8Array;
  readonly bytes: number;
  readonly hash: Uint8Array;
}

export interface StoredMessage {
  readonly publisher: PeerId;
  /** By the publisher's clock, ms. */
  readonly at: number;
  /** By which a repeated publish is recognised. */
  readonly id: Uint8Array;
  readonly data: Uint8Array | Chunked;
}

export interface Entry {
  /** Fencing token under which it was written; never smaller than that of the entry before. */
  readonly token: number;
  /** Of its first message. */
  readonly sequence: number;
  /** Of data of all messages before. */
  readonly bytes: number;
  /** None: it only keeps an earlier holder from writing here. */
  readonly messages: readonly StoredMessage[];
}

/** In place of an entry that retention took away. */
export interface Gone {
  readonly after: Omit<Position, 'entry'>;
}

export interface Retention {
  readonly ageMs: number;
  readonly messages: number;
  readonly bytes: number;
}

export interface Head {
  readonly retention: Retention;
  /** Who writes, as far as was told. */
  readonly holder: PeerId | null;
  readonly token: number;
  /** Everything before is there, or was. */
  readonly hint: Position;
  /** The oldest that is kept. */
  readonly first: Position;
  /** When the hint was written, by corrected time; `open`: more may have been written since. */
  readonly at: number;
  readonly open: boolean;
}

export const START: Position = { entry: 1, sequence: 1, bytes: 0 };
export const DEFAULT_RETENTION: Retention = { ageMs: 7 * 86_400_000, messages: 1_000_000, bytes: 2 ** 30 };
/** Of a topic to which nobody has written. */
export const NEVER_WRITTEN: Head = {
  retention: DEFAULT_RETENTION,
  holder: null,
  token: 0,
  hint: START,
  first: START,
  at: 0,
  open: false,
};
/** Of data and messages in one entry; with what is around them it stays below the 64 KiB of a register. */
export const MAX_ENTRY_BYTES = 60 * 1_024;
export const MAX_ENTRY_MESSAGES = 512;
/** Of its messages' data, chunks included: whoever reads an entry has all of it in memory. One message always fits. */
export const MAX_ENTRY_DATA_BYTES = 1_048_576;
/** Longer data travels in chunks. */
export const CHUNK_BYTES = 60 * 1_024;
export const MESSAGE_ID_BYTES = 16;
/** A register's key holds the topic and the number of an entry. */
export const MAX_DURABLE_TOPIC_BYTES = 512;

const FORM = 1;
const MAX_VALUE_BYTES = 64 * 1_024;
const utf8 = new TextEncoder();

/** Of a message within an entry. */
export const weightOf = ({ data, publisher }: StoredMessage) =>
  64 + publisher.length + (data instanceof Uint8Array ? data.length : 64);
export const lengthOf = ({ data }: StoredMessage) => (data instanceof Uint8Array ? data.length : data.bytes);

export function afterEntry(number: number, { sequence, bytes, messages }: Entry): Position {
  return {
    entry: number + 1,
    sequence: sequence + messages.length,
    bytes: messages.reduce((sum, message) => sum + lengthOf(message), bytes),
  };
}

export function topicKey(topic: string): Uint8Array {
  const key = utf8.encode(topic);
  if (key.length <= MAX_DURABLE_TOPIC_BYTES) return key;
  throw new P2posError('PUBSUB_TOPIC_INVALID', {
    reason: `a durable one has at most ${MAX_DURABLE_TOPIC_BYTES} bytes`,
  });
}

export function entryKey(topic: string, entry: number): Uint8Array {
  const number = new Uint8Array(9);
  new DataView(number.buffer).setBigUint64(1, BigInt(entry));
  return concatBytes(topicKey(topic), number);
}

export function chunkKey(topic: string, id: Uint8Array, index: number): Uint8Array {
  return concatBytes(topicKey(topic), Uint8Array.of(0), id, Uint8Array.of(index));
}

export function encodeEntry({ token, sequence, bytes, messages }: Entry): Uint8Array {
  const list = messages.map(({ publisher, at, id, data }) => [
    publisher,
    at,
    id,
    data instanceof Uint8Array ? data : [data.id, data.bytes, data.hash],
  ]);
  return encodeCbor([FORM, token, sequence, bytes, list]);
}

export function encodeGone({ after }: Gone): Uint8Array {
  return encodeCbor([FORM, after.sequence, after.bytes]);
}

/** @throws P2posError RECORD_INVALID for what is no entry */
export function decodeEntry(value: Uint8Array): Entry | Gone {
  const fields = decodeCbor(value, { maxBytes: MAX_VALUE_BYTES });
  if (!Array.isArray(fields) || fields[0] !== FORM) throw invalid();
  const [, token, sequence, bytes, list] = fields as unknown[];
  if (fields.length === 3 && isCount(token) && isCount(sequence))
    return { after: { sequence: token, bytes: sequence } };
  if (!isCount(token) || !isCount(sequence) || !isCount(bytes) || !Array.isArray(list)) throw invalid();
  return { token, sequence, bytes, messages: list.map(decodeMessage) };
}

function decodeMessage(item: unknown): StoredMessage {
  if (!Array.isArray(item) || item.length !== 4) throw invalid();
  const [publisher, at, id, data] = item as unknown[];
  if (typeof publisher !== 'string' || !isCount(at) || !isId(id)) throw invalid();
  if (isBytes(data)) return { publisher, at, id, data };
  if (!Array.isArray(data) || data.length !== 3) throw invalid();
  const [chunks, bytes, hash] = data as unknown[];
  if (!isId(chunks) || !isCount(bytes) || bytes > MAX_PUBSUB_MESSAGE_BYTES || !isBytes(hash)) throw invalid();
  return { publisher, at, id, data: { id: chunks, bytes, hash } };
}

const positionFields = ({ entry, sequence, bytes }: Position) => [entry, sequence, bytes];

export function encodeHead({ retention, holder, token, hint, first, at, open }: Head): Uint8Array {
  const { ageMs, messages, bytes } = retention;
  return encodeCbor([
    FORM,
    [ageMs, messages, bytes],
    holder,
    token,
    positionFields(hint),
    positionFields(first),
    Math.round(at),
    open,
  ]);
}

/** @throws P2posError RECORD_INVALID for what is no head */
export function decodeHead(value: Uint8Array): Head {
  const fields = decodeCbor(value, { maxBytes: 4_096 });
  if (!Array.isArray(fields) || fields.length !== 8 || fields[0] !== FORM) throw invalid();
  const [, retention, holder, token, hint, first, at, open] = fields as unknown[];
  const [ageMs, messages, bytes] = threeOf(retention);
  if (!isCount(token) || !isCount(at) || typeof open !== 'boolean') throw invalid();
  if (holder !== null && typeof holder !== 'string') throw invalid();
  const position = ([entry, sequence, before]: [number, number, number]): Position => ({
    entry,
    sequence,
    bytes: before,
  });
  return {
    retention: { ageMs, messages, bytes },
    holder,
    token,
    hint: position(threeOf(hint)),
    first: position(threeOf(first)),
    at,
    open,
  };
}

function threeOf(value: unknown): [number, number, number] {
  if (Array.isArray(value) && value.length === 3 && value.every(isCount))
    return value as [number, number, number];
  throw invalid();
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
const isId = (value: unknown): value is Uint8Array => isBytes(value) && value.length === MESSAGE_ID_BYTES;
const invalid = () => new P2posError('RECORD_INVALID', { reason: 'it is no part of a topic' });
