/** Binds the contract of key-value (`protocol/src/kv.ts`) to its rules. */
import {
  type Explanation,
  type KvReceipt,
  type kvRoutes,
  type kvStreams,
  P2posError,
  type RouteHandlers,
  type StreamEvent,
  type StreamHandlers,
} from '@p2pos/protocol';
import type { ReadOutcome, WriteOutcome } from '../../core/records/index.ts';
import type { Kv, KvWatchEvent } from './kv.ts';

type WatchFrame = StreamEvent<(typeof kvStreams)['kv']>;

export function createKvHandlers(kv: Kv): RouteHandlers<typeof kvRoutes> {
  /** Undefined unless it was wished for. Mutable copies, as the contract's types have them. */
  function explained(app: string, key: string, { explain }: ReadOutcome | WriteOutcome, wished: boolean) {
    if (!wished) return undefined;
    const { slot, asked, answered } = explain;
    const { replicas } = kv.locate({ app, key });
    return {
      slot,
      replicas: [...replicas],
      asked: [...asked],
      answered: answered.map((answer) => ({ ...answer })),
    };
  }

  return {
    async put({ key, ttlMs, idempotencyKey, explain = false, body }, { app, signal }) {
      const outcome = await kv.put({ app, key, value: body, ttlMs, idempotencyKey }, { signal });
      return receipt(key, outcome, explained(app, key, outcome, explain));
    },
    async get({ key, consistency, explain = false }, { app, signal }) {
      const outcome = await kv.get({ app, key, consistency }, { signal });
      const { value, headers } = found(key, outcome, explained(app, key, outcome, explain));
      return { body: value, ...headers };
    },
    async head({ key, consistency, explain = false }, { app, signal }) {
      const outcome = await kv.get({ app, key, consistency }, { signal });
      const { value, headers } = found(key, outcome, explained(app, key, outcome, explain));
      return { size: value.length, ...headers };
    },
    async delete({ key, idempotencyKey, explain = false }, { app, signal }) {
      const outcome = await kv.delete({ app, key, idempotencyKey }, { signal });
      return { ...receipt(key, outcome, explained(app, key, outcome, explain)), existed: outcome.existed };
    },
    async list({ prefix, limit, cursor, partial }, { app, signal }) {
      const page = await kv.list({ app, prefix, limit, cursor, partial }, { signal });
      return {
        keys: [...page.keys],
        cursor: page.cursor,
        ...(partial && { missingSlots: [...page.missingSlots] }),
      };
    },
  };
}

export function createKvStreamHandlers(kv: Pick<Kv, 'watch'>): StreamHandlers<typeof kvStreams> {
  return {
    async kv({ prefix, from, cas }, { app, signal }) {
      const events = kv.watch({ app, prefix, from, cas }, { signal })[Symbol.asyncIterator]();
      const first = await events.next();
      const token = !first.done && first.value.type === 'open' ? first.value.token : null;
      return { opened: { token }, events: rest(events) };
    },
  };
}

/** Each further `open` belongs to a `compacted` before it. */
async function* rest(events: AsyncIterator<KvWatchEvent>): AsyncGenerator<WatchFrame> {
  try {
    for (let next = await events.next(); !next.done; next = await events.next())
      if (next.value.type !== 'open') yield next.value;
  } finally {
    await events.return?.();
  }
}

function receipt(
  key: string,
  { version, replicas, durable }: WriteOutcome,
  explain: Explanation | undefined,
): KvReceipt {
  return { key, version, replicas: [...replicas], durable, ...(explain && { explain }) };
}

/** @throws P2posError KV_KEY_NOT_FOUND */
function found(key: string, { found: record }: ReadOutcome, explain: Explanation | undefined) {
  if (!record) throw new P2posError('KV_KEY_NOT_FOUND', { key, ...(explain && { explain }) });
  const { value, version, expiresAt } = record;
  const headers = { version, ...(expiresAt !== undefined && { expiresAt }), ...(explain && { explain }) };
  return { value, headers };
}
