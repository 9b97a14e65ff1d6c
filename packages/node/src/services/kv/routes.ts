/** Binds the contract of key-value (`protocol/src/kv.ts`) to its rules. */
import { type KvReceipt, type kvRoutes, P2posError, type RouteHandlers } from '@p2pos/protocol';
import type { ReadOutcome, WriteOutcome } from '../../core/records/index.ts';
import type { Kv } from './kv.ts';

export function createKvHandlers(kv: Kv): RouteHandlers<typeof kvRoutes> {
  return {
    async put({ key, ttlMs, idempotencyKey, explain = false, body }, { app, signal }) {
      const outcome = await kv.put({ app, key, value: body, ttlMs, idempotencyKey }, { signal });
      return receipt(key, outcome, explain);
    },
    async get({ key, consistency, explain = false }, { app, signal }) {
      const outcome = await kv.get({ app, key, consistency }, { signal });
      const { value, headers } = found(key, outcome, explain);
      return { body: value, ...headers };
    },
    async head({ key, consistency, explain = false }, { app, signal }) {
      const outcome = await kv.get({ app, key, consistency }, { signal });
      const { value, headers } = found(key, outcome, explain);
      return { size: value.length, ...headers };
    },
    async delete({ key, idempotencyKey, explain = false }, { app, signal }) {
      const outcome = await kv.delete({ app, key, idempotencyKey }, { signal });
      return { ...receipt(key, outcome, explain), existed: outcome.existed };
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

function receipt(
  key: string,
  { version, replicas, durable, explain }: WriteOutcome,
  explained: boolean,
): KvReceipt {
  return {
    key,
    version,
    replicas: [...replicas],
    durable,
    ...(explained && { explain: explanation(explain) }),
  };
}

/** @throws P2posError KV_KEY_NOT_FOUND */
function found(key: string, { found: record, explain }: ReadOutcome, explained: boolean) {
  if (!record) {
    throw new P2posError('KV_KEY_NOT_FOUND', { key, ...(explained && { explain: explanation(explain) }) });
  }
  const { value, version, expiresAt } = record;
  const headers = {
    version,
    ...(expiresAt !== undefined && { expiresAt }),
    ...(explained && { explain: explanation(explain) }),
  };
  return { value, headers };
}

/** Mutable copies, as the contract's types have them. */
function explanation({ slot, asked, answered }: ReadOutcome['explain']) {
  return { slot, asked: [...asked], answered: answered.map((answer) => ({ ...answer })) };
}
