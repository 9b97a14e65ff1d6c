/**
 * What replicas say to each other: `/p2pos/records/1.0.0`. Every request names the snapshot under which its sender placed
 * the slots; a replica that follows another answers PLACEMENT_STALE. Requests carry many records, each has its own outcome.
 */
import { bytesSchema, hash32Schema, integerSchema, isErrorCode, isVersion } from '@p2pos/protocol';
import { z } from 'zod';
import { defineCapability } from '../../rpc/index.ts';
import { isKeyBody } from './key-body.ts';
import { receiptAnswer } from './receipt-answer.ts';
import {
  isKey,
  isNamespace,
  MAX_HEADER_BYTES,
  MAX_KEY_BYTES,
  MAX_PROOF_BYTES,
  MAX_VALUE_BYTES,
} from './record.ts';
import { REPAIR_METHODS } from './repair-methods.ts';
import { isWhole } from './whole.ts';

/** Records in one request. */
export const MAX_RECORDS = 256;
/** Bytes of headers, values and proofs at which a request or an answer is full. */
export const MAX_BATCH_BYTES = 1_048_576;
const MAX_BODY_BYTES = 2 * MAX_BATCH_BYTES;
export const MAX_SCAN_LIMIT = 1_024;
/** Slots in one inventory request, and leaf hashes in one answer. */
export const MAX_INVENTORY_SLOTS = 256;
export const MAX_INVENTORY_LEAVES = 16_384;
export const MAX_FOLLOW_WAIT_MS = 30_000;
const MAX_SLOTS = 65_536;

export interface Placed {
  readonly epoch: number;
  /** Hash of the snapshot. */
  readonly placement: Uint8Array;
}

const placed = { epoch: integerSchema(1, 0xffff_ffff), placement: hash32Schema };

/** `[header, value | null, proof]`; one check by hand, because every record of every write passes through it. */
export type RecordBody = readonly [header: Uint8Array, value: Uint8Array | null, proof: Uint8Array];

function isBytes(value: unknown, max: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= max;
}

function isRecordBody(item: unknown): item is RecordBody {
  if (!Array.isArray(item) || item.length !== 3) return false;
  const [header, value, proof] = item as unknown[];
  return (
    isBytes(header, MAX_HEADER_BYTES) &&
    (value === null || isBytes(value, MAX_VALUE_BYTES)) &&
    isBytes(proof, MAX_PROOF_BYTES)
  );
}

function listOf<T>(isItem: (item: unknown) => item is T, max: number, error: string) {
  return z.custom<readonly T[]>(
    (value) => Array.isArray(value) && value.length <= max && value.every((item) => isItem(item)),
    { error },
  );
}

/**
 * `taken`: on disk as the newest · `held`: had this very record · `behind`: holds a newer one, named by `text` · `promised`: of
 * a register, promised to the greater ballot `text`, which is not accepted yet · `elsewhere`: no replica of the slot any more,
 * closed in the epoch `text` · `learning`: on disk as the newest, at a replica that does not count · `refused`: with the code
 * `text`.
 */
export type WriteResult = 'taken' | 'held' | 'behind' | 'promised' | 'elsewhere' | 'learning' | 'refused';
export interface WriteAnswer {
  readonly result: WriteResult;
  readonly text?: string | undefined;
  /** What a tombstone took the place of. */
  readonly replaced?: { readonly version: string; readonly live: boolean } | undefined;
}

const WRITE_RESULTS: readonly unknown[] = [
  'taken',
  'held',
  'behind',
  'promised',
  'elsewhere',
  'learning',
  'refused',
];

function isWriteAnswer(item: unknown): item is WriteAnswer {
  if (typeof item !== 'object' || item === null) return false;
  const { result, text, replaced } = item as Record<string, unknown>;
  if (!WRITE_RESULTS.includes(result) || !isReplaced(replaced)) return false;
  if (result === 'behind' || result === 'promised') return isVersion(text);
  if (result === 'elsewhere') return isEpochText(text);
  if (result === 'refused') return isErrorCode(text);
  return text === undefined;
}

function isReplaced(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { version, live } = value as Record<string, unknown>;
  return isVersion(version) && typeof live === 'boolean';
}

function isEpochText(text: unknown): text is string {
  return typeof text === 'string' && /^\d{1,10}$/.test(text);
}

/** `[namespace, key, partition | null when it equals the key]` */
export type NameBody = readonly [namespace: string, key: Uint8Array, partition: Uint8Array | null];

function isNameBody(item: unknown): item is NameBody {
  if (!Array.isArray(item) || item.length !== 3) return false;
  const [namespace, key, partition] = item as unknown[];
  return isNamespace(namespace) && isKey(key) && (partition === null || isKey(partition));
}

/**
 * `found` with `record` · `absent` · `damaged`: held in version `text`, but its bytes are not what was signed · `elsewhere` as
 * above · `learning`: the replica does not count; `record` where it has one · `later`: the answer is full, ask again ·
 * `refused`: with the code `text`.
 */
export type ReadResult = 'found' | 'absent' | 'damaged' | 'elsewhere' | 'learning' | 'later' | 'refused';
export interface ReadAnswer {
  readonly result: ReadResult;
  readonly text?: string | undefined;
  readonly record?: RecordBody | undefined;
  readonly learned?: Learned;
}

/**
 * Of a register's record: the replica may have promised against its ballot on a disk that it lost, so it has not accepted
 * it, though it holds it. Earlier releases do not say.
 */
type Learned = true | undefined;
const isLearned = (value: unknown): value is Learned => value === true || value === undefined;

const READ_RESULTS: readonly unknown[] = [
  'found',
  'absent',
  'damaged',
  'elsewhere',
  'learning',
  'later',
  'refused',
];

function isReadAnswer(item: unknown): item is ReadAnswer {
  if (typeof item !== 'object' || item === null) return false;
  const { result, text, record, learned } = item as Record<string, unknown>;
  if (!READ_RESULTS.includes(result) || !isLearned(learned)) return false;
  if (result === 'learning') return text === undefined && (record === undefined || isRecordBody(record));
  if ((result === 'found') !== (record !== undefined)) return false;
  if (result === 'found') return isRecordBody(record);
  if (result === 'damaged') return isVersion(text);
  if (result === 'elsewhere') return isEpochText(text);
  if (result === 'refused') return isErrorCode(text);
  return text === undefined;
}

/** Leaf hash of the record · null: there is none · false: only `read` can tell. */
export type Digest = Uint8Array | null | false;

function isDigest(item: unknown): item is Digest {
  return item === null || item === false || isLeaf(item);
}

/** `[namespace, key, partition | null when it equals the key, ballot]` */
export type PromiseBody = readonly [
  namespace: string,
  key: Uint8Array,
  partition: Uint8Array | null,
  ballot: string,
];

function isPromiseBody(item: unknown): item is PromiseBody {
  return Array.isArray(item) && item.length === 4 && isNameBody(item.slice(0, 3)) && isVersion(item[3]);
}

/**
 * `promised`, with `record` where one was accepted · `behind`: promised to or accepted from a greater ballot, `text` ·
 * `elsewhere`, `refused` as above.
 */
export interface PromiseAnswer {
  readonly result: 'promised' | 'behind' | 'elsewhere' | 'refused';
  readonly text?: string | undefined;
  readonly record?: RecordBody | undefined;
  readonly learned?: Learned;
}

function isPromiseAnswer(item: unknown): item is PromiseAnswer {
  if (typeof item !== 'object' || item === null) return false;
  const { result, text, record, learned } = item as Record<string, unknown>;
  if (!isLearned(learned)) return false;
  if (result === 'promised') return text === undefined && (record === undefined || isRecordBody(record));
  if (record !== undefined) return false;
  if (result === 'behind') return isVersion(text);
  if (result === 'elsewhere') return isEpochText(text);
  return result === 'refused' && isErrorCode(text);
}

const isSlot = (value: unknown): value is number => isWhole(value, MAX_SLOTS - 1);
const isEpoch = (value: unknown): value is number => isWhole(value, 0xffff_ffff);
const isClosedSlot = (item: unknown): item is readonly [slot: number, epoch: number] =>
  Array.isArray(item) && item.length === 2 && isSlot(item[0]) && isEpoch(item[1]);
const isLeaf = (value: unknown): value is Uint8Array => isBytes(value, 32) && value.length === 32;

/** `[namespace, key, partition | null when it equals the key, version]` */
export type VersionBody = PromiseBody;

/** `[key, partition | null when it equals the key, the record | null when it cannot be shown]` */
export type ChangeBody = readonly [Uint8Array, Uint8Array | null, RecordBody | null];

function isChangeBody(item: unknown): item is ChangeBody {
  if (!Array.isArray(item) || item.length !== 3) return false;
  const [key, partition, record] = item as unknown[];
  return isKey(key) && (partition === null || isKey(partition)) && (record === null || isRecordBody(record));
}

const position = integerSchema(0, Number.MAX_SAFE_INTEGER);
const storeId = z.string().regex(/^[0-9a-f]{32}$/);
const count = integerSchema(1, 64);
const slotsOf = (max: number) => listOf(isSlot, max, `must be at most ${max} slots`);
const slotList = slotsOf(MAX_INVENTORY_SLOTS);
const leafList = (max: number) => listOf(isLeaf, max, `must be at most ${max} hashes`);
const epochs = listOf(isEpoch, 2 * MAX_SLOTS, 'must be epochs with their lengths');
const records = listOf(isRecordBody, MAX_RECORDS, `must be at most ${MAX_RECORDS} records`);
const versions = listOf(isPromiseBody, MAX_RECORDS, `must be at most ${MAX_RECORDS} versions`);
const partOfKey = bytesSchema({ max: MAX_KEY_BYTES });

export const RECORDS = defineCapability('/p2pos/records/1.0.0', {
  /** First-hand, from their author. */
  write: {
    id: 1,
    input: z.strictObject({ ...placed, records }),
    output: z.strictObject({ answers: listOf(isWriteAnswer, MAX_RECORDS, 'must be outcomes of a write') }),
    maxBodyBytes: MAX_BODY_BYTES,
  },
  /** By another member than the author: repair by a reader, and what moves between replicas. */
  relay: {
    id: 2,
    input: z.strictObject({ ...placed, records }),
    output: z.strictObject({ answers: listOf(isWriteAnswer, MAX_RECORDS, 'must be outcomes of a write') }),
    maxBodyBytes: MAX_BODY_BYTES,
  },
  read: {
    id: 3,
    input: z.strictObject({ ...placed, names: listOf(isNameBody, MAX_RECORDS, 'must be names of records') }),
    output: z.strictObject({ answers: listOf(isReadAnswer, MAX_RECORDS, 'must be outcomes of a read') }),
    maxBodyBytes: MAX_BODY_BYTES,
  },
  /** Whether the replica holds what its reader has seen elsewhere, without the bytes. */
  digest: {
    id: 22,
    input: z.strictObject({ ...placed, names: listOf(isNameBody, MAX_RECORDS, 'must be names of records') }),
    output: z.strictObject({ digests: listOf(isDigest, MAX_RECORDS, 'must be digests of records') }),
  },
  /** Keys of a namespace in byte order, of all slots that the replica holds. */
  scan: {
    id: 4,
    input: z.strictObject({
      ...placed,
      namespace: z.custom<string>(isNamespace, { error: 'must be a namespace' }),
      prefix: partOfKey,
      after: z.strictObject({ key: partOfKey, partition: partOfKey }).nullable(),
      limit: integerSchema(1, MAX_SCAN_LIMIT),
      /** Only keys of this one. */
      partition: z.custom<Uint8Array>(isKey, { error: 'must be a partition' }).optional(),
    }),
    output: z.strictObject({
      keys: listOf(isKeyBody, MAX_SCAN_LIMIT, 'must be keys with their versions'),
      more: z.boolean(),
      /** In which the replica does not count. */
      learning: slotsOf(MAX_SLOTS),
    }),
    cost: 'bulk',
    maxBodyBytes: 2 * MAX_BODY_BYTES,
  },
  /** How far the replica is with its moves: epochs per slot, as `packEpochs` gives them. */
  progress: {
    id: 5,
    input: z.strictObject({ ...placed, count }),
    /** `unsure`: 1 for slots of which the replica may have lost what it settled. */
    output: z.strictObject({ settled: epochs, closed: epochs, unsure: epochs.optional() }),
    cost: 'bulk',
  },
  /** Leaf hashes of those of the slots whose digest differs; pages of one slot by `after`. */
  inventory: {
    id: 6,
    input: z.strictObject({
      ...placed,
      count,
      slots: slotList,
      digests: leafList(MAX_INVENTORY_SLOTS),
      after: bytesSchema({ max: 32 }),
    }),
    output: z.strictObject({
      /** Those that were looked at, from the first on; the others do not fit this answer. */
      done: integerSchema(0, MAX_INVENTORY_SLOTS),
      /** Of which this node is no replica any more, with the epoch in which each was closed. */
      elsewhere: listOf(isClosedSlot, MAX_INVENTORY_SLOTS, 'must be slots with epochs'),
      /** In which this node does not count. */
      learning: slotsOf(MAX_INVENTORY_SLOTS),
      differing: z
        .array(
          z.strictObject({
            slot: z.custom<number>(isSlot),
            leaves: leafList(MAX_INVENTORY_LEAVES),
            more: z.boolean(),
          }),
        )
        .max(MAX_INVENTORY_SLOTS),
    }),
    cost: 'repair',
  },
  /** Records of a slot by leaf hash; those that are gone or damaged are left out, and refused where the slot lies elsewhere. */
  fetch: {
    id: 7,
    input: z.strictObject({
      ...placed,
      count,
      slot: z.custom<number>(isSlot),
      leaves: leafList(MAX_RECORDS),
    }),
    output: z.strictObject({
      /** How many of the leaves were looked at. */
      done: integerSchema(0, MAX_RECORDS),
      records,
      /** Of the leaves, by index, those of records that are held here with damage. Earlier releases do not say. */
      damaged: z.array(integerSchema(0, MAX_RECORDS)).max(MAX_RECORDS).optional(),
    }),
    cost: 'repair',
    maxBodyBytes: MAX_BODY_BYTES,
  },
  /** First round of a change of registers: promises to a ballot of the caller. */
  prepare: {
    id: 8,
    input: z.strictObject({ ...placed, promises: versions }),
    output: z.strictObject({ answers: listOf(isPromiseAnswer, MAX_RECORDS, 'must be outcomes of promises') }),
    maxBodyBytes: MAX_BODY_BYTES,
  },
  /** What this node promised about registers of the slots and has not accepted; `next` leads to the page after it. */
  promised: {
    id: 13,
    input: z.strictObject({ ...placed, count, slots: slotList, after: integerSchema(0) }),
    output: z.strictObject({
      promises: versions,
      next: integerSchema(0).nullable(),
      /** Of which it may have forgotten some. Earlier releases do not say, nor know this: it is left out where there are none. */
      learning: slotList.optional(),
    }),
    cost: 'repair',
    maxBodyBytes: MAX_BODY_BYTES,
  },
  ...REPAIR_METHODS,
  /**
   * Changes of keys in a range in the order of the replica's commits. Without `from`: where its log ends now. With it: what
   * came after, or, when there is nothing, what comes within `waitMs`.
   */
  follow: {
    id: 20,
    input: z.strictObject({
      ...placed,
      namespace: z.custom<string>(isNamespace, { error: 'must be a namespace' }),
      prefix: partOfKey,
      /** `store: null`: from the beginning, whichever store it is. `floor`: as the answer before had it. */
      from: z.strictObject({ store: storeId.nullable(), position, floor: position }).nullable(),
      waitMs: integerSchema(0, MAX_FOLLOW_WAIT_MS),
    }),
    output: z.strictObject({
      store: storeId,
      position,
      floor: position,
      /** What came after `from` is not all there any more; there are no changes then. */
      compacted: z.boolean(),
      /** There was more at once. */
      more: z.boolean(),
      changes: listOf(isChangeBody, MAX_RECORDS, 'must be changes of records'),
    }),
    cost: 'bulk',
    maxBodyBytes: MAX_BODY_BYTES,
  },
  /** Statements for receipts, about records that the replica holds. */
  receipt: {
    id: 21,
    input: z.strictObject({ ...placed, records: versions }),
    output: z.strictObject({ answers: z.array(receiptAnswer).max(MAX_RECORDS) }),
  },
});
