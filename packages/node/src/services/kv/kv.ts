/** The rules of key-value: what a key, a value, a time to live and a cursor may be. */
import {
  isP2posError,
  KvKey,
  KvPrefix,
  type kvStreams,
  MAX_KV_LIST_LIMIT,
  P2posError,
  type StreamEvent,
} from '@p2pos/protocol';
import type { Consistency, ReadOutcome, Records, WriteOutcome } from '../../core/records/index.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

export interface KvDeps {
  readonly records: Pick<Records, 'declare' | 'put' | 'delete' | 'get' | 'scanAll' | 'watch' | 'locate'>;
}

export interface KvConfig {
  /** At most 64 KiB. */
  readonly maxValueBytes: number;
  /** How many members hold each key; the same on all nodes of a system. Default 3. */
  readonly replicas?: number;
}

interface KeyInput {
  /** The tenant; keys of two apps never meet. */
  readonly app: string;
  readonly key: string;
}

/** As `kvStreams` has them; `open` is the first. */
export type KvWatchEvent =
  | { readonly type: 'open'; readonly token: string | null }
  | StreamEvent<(typeof kvStreams)['kv']>;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Every call throws KV_KEY_INVALID, STATE_UNCONFIGURED or RECORDS_QUORUM_LOST besides what it names. */
export interface Kv {
  /** @throws P2posError KV_VALUE_TOO_LARGE, IDEMPOTENCY_KEY_REUSED, STORE_FULL, VERSION_AHEAD */
  put(
    input: KeyInput & {
      readonly value: Uint8Array;
      /** 1 ms to 3 650 days; absent: for ever. */
      readonly ttlMs?: number | undefined;
      readonly idempotencyKey?: string | undefined;
    },
    options?: CallOptions,
  ): Promise<WriteOutcome>;
  /** `existed` tells whether there was something to delete. @throws P2posError as `put` */
  delete(
    input: KeyInput & { readonly idempotencyKey?: string | undefined },
    options?: CallOptions,
  ): Promise<WriteOutcome>;
  /** Default consistency: quorum. */
  get(
    input: KeyInput & { readonly consistency?: Consistency | undefined },
    options?: CallOptions,
  ): Promise<ReadOutcome>;
  /** Keys in the order of their UTF-8 bytes. @throws P2posError KV_CURSOR_INVALID */
  list(
    input: {
      readonly app: string;
      /** Literal, every character. Default: all keys. */
      readonly prefix?: string | undefined;
      /** Default 100, at most 1 000. */
      readonly limit?: number | undefined;
      /** From the page before. */
      readonly cursor?: string | undefined;
      /** Name the slots without a majority instead of failing. */
      readonly partial?: boolean | undefined;
    },
    options?: CallOptions,
  ): Promise<{
    readonly keys: readonly string[];
    /** Null: this was the last page. */
    readonly cursor: string | null;
    readonly missingSlots: readonly number[];
  }>;
  /** What is there, unless `from` is given, and every change of it until the signal aborts. */
  watch(
    input: {
      readonly app: string;
      readonly prefix?: string | undefined;
      readonly from?: string | undefined;
      readonly cas?: boolean | undefined;
    },
    options: CallOptions,
  ): AsyncIterable<KvWatchEvent>;
  /** Where the key lies: the peer ids of its replicas, and of former ones while they hand over. */
  locate(input: KeyInput): ReturnType<Records['locate']>;
}

const DEFAULT_LIMIT = 100;
const MAX_TTL_MS = 3_650 * 86_400_000;
const utf8 = new TextEncoder();

export function createKv({ records }: KvDeps, { maxValueBytes, replicas = 3 }: KvConfig): Kv {
  records.declare({ suffix: '/kv', kind: 'lww', author: 'member', replicas, maxValueBytes });

  return {
    async put({ app, key, value, ttlMs, idempotencyKey }, options) {
      const name = nameOf(app, key);
      if (value.length > maxValueBytes)
        throw new P2posError('KV_VALUE_TOO_LARGE', { maxBytes: maxValueBytes });
      if (ttlMs !== undefined && !(Number.isInteger(ttlMs) && ttlMs >= 1 && ttlMs <= MAX_TTL_MS)) {
        throw new P2posError('BAD_REQUEST', { reason: 'A time to live is 1 ms to 3650 days.' });
      }
      const optional = {
        ...(ttlMs !== undefined && { ttlMs }),
        ...(idempotencyKey !== undefined && { idempotencyKey }),
      };
      return records.put({ ...name, value, ...optional }, options).catch((error) => {
        throw tooLarge(error);
      });
    },
    async delete({ app, key, idempotencyKey }, options) {
      const name = nameOf(app, key);
      return records.delete({ ...name, ...(idempotencyKey !== undefined && { idempotencyKey }) }, options);
    },
    async get({ app, key, consistency = 'quorum' }, options) {
      return records.get({ ...nameOf(app, key), consistency }, options);
    },
    async list({ app, prefix = '', limit = DEFAULT_LIMIT, cursor, partial = false }, options) {
      checkPrefix(prefix);
      if (!(Number.isInteger(limit) && limit >= 1 && limit <= MAX_KV_LIST_LIMIT)) {
        throw new P2posError('BAD_REQUEST', { reason: `A page has 1 to ${MAX_KV_LIST_LIMIT} keys.` });
      }
      const bytes = utf8.encode(prefix);
      const after = cursor === undefined ? undefined : decodeCursor(cursor, bytes);
      const { keys, more, missingSlots } = await records.scanAll(
        { namespace: namespaceOf(app), prefix: bytes, limit, partial, ...(after && { after }) },
        options,
      );
      const last = keys.at(-1);
      return { keys: keys.map(textOf), cursor: more && last ? encodeCursor(last) : null, missingSlots };
    },
    async *watch({ app, prefix = '', from, cas = false }, options) {
      checkPrefix(prefix);
      const namespace = cas ? `${app}/kv-cas` : namespaceOf(app);
      const events = records.watch({ namespace, prefix: utf8.encode(prefix), from }, options);
      for await (const event of events) {
        if (event.type !== 'change') {
          yield event;
          continue;
        }
        const { key, version, value, expiresAt, token } = event;
        yield {
          type: 'change',
          key: textOf(key),
          version,
          deleted: value === null,
          ...(value && { value }),
          ...(expiresAt !== undefined && { expiresAt }),
          ...(token !== undefined && { token }),
        };
      }
    },
    locate({ app, key }) {
      const { namespace, partition } = nameOf(app, key);
      return records.locate({ namespace, partition });
    },
  };
}

/** Another node may allow less than this one. */
function tooLarge(error: unknown): unknown {
  if (!isP2posError(error, 'RECORD_TOO_LARGE')) return error;
  return new P2posError('KV_VALUE_TOO_LARGE', { maxBytes: error.details['maxBytes'] }, { cause: error });
}

function namespaceOf(app: string): string {
  return `${app}/kv`;
}

function nameOf(app: string, key: string) {
  const checked = KvKey.safeParse(key);
  if (!checked.success) {
    throw new P2posError('KV_KEY_INVALID', { name: 'key', reason: checked.error.issues[0]?.message });
  }
  const bytes = utf8.encode(key);
  return { namespace: namespaceOf(app), partition: bytes, key: bytes };
}

function checkPrefix(prefix: string): void {
  const checked = KvPrefix.safeParse(prefix);
  if (!checked.success) {
    throw new P2posError('KV_KEY_INVALID', { name: 'prefix', reason: checked.error.issues[0]?.message });
  }
}

function textOf(key: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(key);
}
