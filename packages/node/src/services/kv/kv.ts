/** The rules of key-value: what a key, a value, a time to live and a cursor may be. */
import { isP2posError, type kvStreams, P2posError, type StreamEvent } from '@p2pos/protocol';
import type { Consistency, ReadOutcome, Records, WriteOutcome } from '../../core/records/index.ts';
import { createKvCas, type KvCas } from './cas.ts';
import {
  type KeyInput,
  keyName,
  type ListInput,
  type Listing,
  listKeys,
  MAX_TTL_MS,
  prefixBytes,
  textOf,
} from './keys.ts';

export interface KvDeps {
  readonly records: Pick<
    Records,
    'declare' | 'put' | 'delete' | 'get' | 'attest' | 'scanAll' | 'watch' | 'locate' | 'registers' | 'leases'
  >;
}

export interface KvConfig {
  /** At most 64 KiB. */
  readonly maxValueBytes: number;
  /** How many members hold each key; the same on all nodes of a system. Default 3. */
  readonly replicas?: number;
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
      readonly receipt?: 'plain' | 'signed' | undefined;
    },
    options?: CallOptions,
  ): Promise<WriteOutcome>;
  /** `existed` tells whether there was something to delete. @throws P2posError as `put` */
  delete(
    input: KeyInput & {
      readonly idempotencyKey?: string | undefined;
      readonly receipt?: 'plain' | 'signed' | undefined;
    },
    options?: CallOptions,
  ): Promise<WriteOutcome>;
  /** Default consistency: quorum. */
  get(
    input: KeyInput & { readonly consistency?: Consistency | undefined },
    options?: CallOptions,
  ): Promise<ReadOutcome>;
  /** Whether there is something, or the mark that it was deleted, which is kept for a day. */
  isKept(input: KeyInput, options?: CallOptions): Promise<boolean>;
  /** As a quorum read, with the signatures of the replicas. @throws P2posError RECEIPT_UNAVAILABLE */
  attest(input: KeyInput, options?: CallOptions): ReturnType<Records['attest']>;
  /** Keys in the order of their UTF-8 bytes. @throws P2posError KV_CURSOR_INVALID */
  list(input: ListInput, options?: CallOptions): Promise<Listing>;
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
  /** The keys that change only by agreement; they never meet those above. */
  readonly cas: KvCas;
}

export function createKv({ records }: KvDeps, { maxValueBytes, replicas = 3 }: KvConfig): Kv {
  records.declare({ suffix: '/kv', kind: 'lww', author: 'member', replicas, maxValueBytes });

  return {
    async put({ app, key, value, ttlMs, idempotencyKey, receipt }, options) {
      const name = nameOf(app, key);
      if (value.length > maxValueBytes)
        throw new P2posError('KV_VALUE_TOO_LARGE', { maxBytes: maxValueBytes });
      if (ttlMs !== undefined && !(Number.isInteger(ttlMs) && ttlMs >= 1 && ttlMs <= MAX_TTL_MS)) {
        throw new P2posError('BAD_REQUEST', { reason: 'A time to live is 1 ms to 3650 days.' });
      }
      const optional = {
        ...(ttlMs !== undefined && { ttlMs }),
        ...(idempotencyKey !== undefined && { idempotencyKey }),
        ...(receipt === 'signed' && { receipt }),
      };
      return records.put({ ...name, value, ...optional }, options).catch((error) => {
        throw tooLarge(error);
      });
    },
    async delete({ app, key, idempotencyKey, receipt }, options) {
      const name = nameOf(app, key);
      return records.delete(
        {
          ...name,
          ...(idempotencyKey !== undefined && { idempotencyKey }),
          ...(receipt === 'signed' && { receipt }),
        },
        options,
      );
    },
    async get({ app, key, consistency = 'quorum' }, options) {
      return records.get({ ...nameOf(app, key), consistency }, options);
    },
    async isKept({ app, key }, options) {
      const { explain } = await records.get({ ...nameOf(app, key), consistency: 'quorum' }, options);
      return explain.answered.some(({ result }) => result === 'found');
    },
    attest: async ({ app, key }, options) => records.attest(nameOf(app, key), options),
    list: (input, options) =>
      listKeys((range) => records.scanAll(range, options), namespaceOf(input.app), input),
    async *watch({ app, prefix = '', from, cas = false }, options) {
      const bytes = prefixBytes(prefix);
      const namespace = cas ? `${app}/kv-cas` : namespaceOf(app);
      const events = records.watch({ namespace, prefix: bytes, from }, options);
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
    cas: createKvCas({ records }, { maxValueBytes, replicas }),
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
  return keyName(namespaceOf(app), key);
}
