/** What keys, prefixes and pages of keys may be, whatever the namespace. */
import { isKvKey, KvKey, KvPrefix, MAX_KV_LIST_LIMIT, P2posError } from '@p2pos/protocol';
import type { RecordKey, Records } from '../../core/records/index.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

export interface KeyInput {
  /** The tenant; keys of two apps never meet. */
  readonly app: string;
  readonly key: string;
}

export interface ListInput {
  readonly app: string;
  /** Literal, every character. Default: all keys. */
  readonly prefix?: string | undefined;
  /** Default 100, at most 1 000. */
  readonly limit?: number | undefined;
  /** From the page before. */
  readonly cursor?: string | undefined;
  /** Name the slots without a majority instead of failing. */
  readonly partial?: boolean | undefined;
}

export interface Listing {
  readonly keys: readonly string[];
  /** Null: this was the last page. */
  readonly cursor: string | null;
  readonly missingSlots: readonly number[];
}

export const MAX_TTL_MS = 3_650 * 86_400_000;
const DEFAULT_LIMIT = 100;
const utf8 = new TextEncoder();

/** A key is its own partition. @throws P2posError KV_KEY_INVALID */
export function keyName(namespace: string, key: string): RecordKey {
  if (!isKvKey(key)) {
    const { error } = KvKey.safeParse(key);
    throw new P2posError('KV_KEY_INVALID', { name: 'key', reason: error?.issues[0]?.message });
  }
  const bytes = utf8.encode(key);
  return { namespace, partition: bytes, key: bytes };
}

/** @throws P2posError KV_KEY_INVALID */
export function prefixBytes(prefix: string): Uint8Array {
  const checked = KvPrefix.safeParse(prefix);
  if (!checked.success) {
    throw new P2posError('KV_KEY_INVALID', { name: 'prefix', reason: checked.error.issues[0]?.message });
  }
  return utf8.encode(prefix);
}

type Scan = Records['scanAll'];

/** @throws P2posError KV_KEY_INVALID, KV_CURSOR_INVALID, BAD_REQUEST, what `scan` throws */
export async function listKeys(
  scan: (range: Parameters<Scan>[0]) => ReturnType<Scan>,
  namespace: string,
  { prefix = '', limit = DEFAULT_LIMIT, cursor, partial = false }: ListInput,
): Promise<Listing> {
  const bytes = prefixBytes(prefix);
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MAX_KV_LIST_LIMIT)) {
    throw new P2posError('BAD_REQUEST', { reason: `A page has 1 to ${MAX_KV_LIST_LIMIT} keys.` });
  }
  const after = cursor === undefined ? undefined : decodeCursor(cursor, bytes);
  const range = { namespace, prefix: bytes, limit, partial, ...(after && { after }) };
  const { keys, more, missingSlots } = await scan(range);
  const last = keys.at(-1);
  return { keys: keys.map(textOf), cursor: more && last ? encodeCursor(last) : null, missingSlots };
}

export function textOf(key: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(key);
}
