import { isP2posError, type KvList, type KvReceipt } from '@p2pos/protocol';
import type { CallOptions, RepeatOptions } from './caller.ts';
import type { Input, Output } from './contract/operation.ts';
import { createKvCasClient, type KvCasClient, type KvCasDeps } from './kv-cas.ts';
import { type KvWatchEvent, type WatchOptions, watchKv } from './kv-watch.ts';
import { pages } from './pages.ts';
import type { Subscribe } from './socket/subscribe.ts';

/** What belongs to `kv.cas`. */
type Agreed = 'cas' | 'ifMatch' | 'ifNoneMatch';

export type PutOptions = Omit<Input<'kv.put'>, 'key' | 'body' | Agreed> & CallOptions & RepeatOptions;
export type ReadOptions = Omit<Input<'kv.get'>, 'key' | Agreed> & CallOptions;
export type DeleteOptions = Omit<Input<'kv.delete'>, 'key' | Agreed> & CallOptions & RepeatOptions;
export type PageOptions = Omit<Input<'kv.list'>, Agreed> & CallOptions;
/** `pageSize` keys are asked for at a time. */
export type ListOptions = Omit<Input<'kv.list'>, 'limit' | 'cursor' | Agreed> & {
  readonly pageSize?: number;
} & CallOptions;

export interface KvEntry extends Omit<Output<'kv.get'>, 'body'> {
  readonly value: Uint8Array;
  /** The value as UTF-8. */
  text(): string;
}
export type KvHead = Output<'kv.head'>;
export type KvDeletion = Output<'kv.delete'>;

export interface KvClient {
  /**
   * Resolves when a majority of the key's replicas have the value on disk. Where an answer is lost it is asked for again, at
   * another node if need be, which writes anew: over what others wrote since the first try. `repeat` changes that;
   * what must be done once belongs under `cas`.
   */
  put(key: string, value: Uint8Array | string, options?: PutOptions): Promise<KvReceipt>;
  /** Undefined: there is nothing under the key. */
  get(key: string, options?: ReadOptions): Promise<KvEntry | undefined>;
  head(key: string, options?: ReadOptions): Promise<KvHead | undefined>;
  exists(key: string, options?: ReadOptions): Promise<boolean>;
  /** Repeated as `put` is. */
  delete(key: string, options?: DeleteOptions): Promise<KvDeletion>;
  /** All keys that begin with the prefix, in byte order, fetched as they are consumed. */
  list(options?: ListOptions): AsyncIterable<string>;
  page(options?: PageOptions): Promise<KvList>;
  /** Keys that change only by agreement; they never meet those above. */
  readonly cas: KvCasClient;
  /**
   * What is under the keys that begin with the prefix, and every change of it, until the signal aborts; over lost
   * connections and nodes. Of one key nothing older comes after something newer.
   */
  watch(prefix?: string, options?: WatchOptions): AsyncIterable<KvWatchEvent>;
}

export interface KvClientDeps extends KvCasDeps {
  readonly subscribe: Subscribe;
}

export function createKvClient({ call, subscribe, timing, callTimeoutMs }: KvClientDeps): KvClient {
  const head: KvClient['head'] = async (key, { signal, timeoutMs, ...input } = {}) =>
    orUndefined(call('kv.head', { key, ...input }, { signal, timeoutMs }));
  const page: KvClient['page'] = ({ signal, timeoutMs, ...input } = {}) =>
    call('kv.list', input, { signal, timeoutMs });

  return {
    head,
    page,
    cas: createKvCasClient({ call, timing, callTimeoutMs }),
    async put(key, value, { signal, timeoutMs, repeat, ...input } = {}) {
      const body = typeof value === 'string' ? new TextEncoder().encode(value) : value;
      return call('kv.put', { key, body, ...input }, { signal, timeoutMs, repeat });
    },
    async get(key, { signal, timeoutMs, ...input } = {}) {
      const found = await orUndefined(call('kv.get', { key, ...input }, { signal, timeoutMs }));
      if (!found) return undefined;
      const { body: value, ...rest } = found;
      return { ...rest, value, text: () => new TextDecoder().decode(value) };
    },
    watch: (prefix = '', options) => watchKv(subscribe, prefix, options),
    exists: async (key, options) => (await head(key, options)) !== undefined,
    async delete(key, { signal, timeoutMs, repeat, ...input } = {}) {
      return call('kv.delete', { key, ...input }, { signal, timeoutMs, repeat });
    },
    list: ({ pageSize: limit = 500, ...options } = {}) =>
      pages(async (from) => {
        const { keys, cursor } = await page({ ...options, limit, ...from });
        return { items: keys, cursor };
      }),
  };
}

async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isP2posError(error, 'KV_KEY_NOT_FOUND')) return undefined;
    throw error;
  }
}
