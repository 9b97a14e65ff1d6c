/** Binds the contract of key-value (`protocol/src/kv.ts`) to its rules. */
import {
  type Explanation,
  isP2posError,
  type KvReceipt,
  type kvRoutes,
  type kvStreams,
  P2posError,
  type RequestContext,
  type RouteHandlers,
  type StreamEvent,
  type StreamHandlers,
} from '@p2pos/protocol';
import type {
  ChangeOutcome,
  Condition,
  ReadOutcome,
  RegisterValue,
  WriteOutcome,
} from '../../core/records/index.ts';
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
    async put(
      { key, ttlMs, idempotencyKey, explain = false, receipt: wished, body, cas, ...wanted },
      context,
    ) {
      const { app } = context;
      const condition = conditionOf(cas, wanted, explain);
      if (condition) {
        const change = { app, key, value: body, condition, ttlMs, idempotencyKey, receipt: wished };
        return agreed(key, await kv.cas.change(change, { signal: context.signal }));
      }
      // No signal: a plain write or read ends by itself within seconds, and watching one for each would cost more.
      const outcome = await kv.put({ app, key, value: body, ttlMs, idempotencyKey, receipt: wished });
      return receipt(key, outcome, explained(app, key, outcome, explain));
    },
    async get({ key, consistency, explain = false, cas }, context) {
      const { app } = context;
      if (conditionOf(cas, {}, explain, consistency)) {
        const { value, headers } = held(key, await kv.cas.get({ app, key }, { signal: context.signal }));
        return { body: value, ...headers };
      }
      const outcome = await kv.get({ app, key, consistency });
      const { value, headers } = found(key, outcome, explained(app, key, outcome, explain));
      return { body: value, ...headers };
    },
    async head({ key, consistency, explain = false, cas }, { app, signal }) {
      if (conditionOf(cas, {}, explain, consistency)) {
        const { value, headers } = held(key, await kv.cas.get({ app, key }, { signal }));
        return { size: value.length, ...headers };
      }
      const outcome = await kv.get({ app, key, consistency }, { signal });
      const { value, headers } = found(key, outcome, explained(app, key, outcome, explain));
      return { size: value.length, ...headers };
    },
    async delete({ key, idempotencyKey, explain = false, receipt: wished, cas, ...wanted }, context) {
      const { app, signal } = context;
      const condition = conditionOf(cas, wanted, explain);
      const full = await fullness(context);
      if (condition) {
        const isThere = async () => (await kv.cas.get({ app, key }, { signal })) !== undefined;
        // To recognise a repeat takes a record, also where there was nothing to delete.
        const isRemembered = idempotencyKey !== undefined && (!full || (await isThere()));
        const change = {
          app,
          key,
          value: null,
          condition,
          idempotencyKey: isRemembered ? idempotencyKey : undefined,
          receipt: wished,
        };
        const outcome = await kv.cas.change(change, { signal });
        return { ...agreed(key, outcome), existed: outcome.previous !== undefined };
      }
      if (full && !(await kv.isKept({ app, key }, { signal }))) throw full;
      const outcome = await kv.delete({ app, key, idempotencyKey, receipt: wished }, { signal });
      return { ...receipt(key, outcome, explained(app, key, outcome, explain)), existed: outcome.existed };
    },
    async list({ prefix, limit, cursor, partial, cas = false }, { app, signal }) {
      const page = await (cas ? kv.cas : kv).list({ app, prefix, limit, cursor, partial }, { signal });
      return {
        keys: [...page.keys],
        cursor: page.cursor,
        ...(partial && { missingSlots: [...page.missingSlots] }),
      };
    },
    async attest({ key }, { app, signal }) {
      const found = await kv.attest({ app, key }, { signal });
      if (!found) throw new P2posError('KV_KEY_NOT_FOUND', { key });
      const { version, value, expiresAt, receipt } = found;
      return { key, version, value, receipt, ...(expiresAt !== undefined && { expiresAt }) };
    },
    async lock({ key, holder, ttlMs }, context) {
      const { app, signal } = context;
      const full = await fullness(context);
      if (full && !(await kv.cas.wasLocked({ app, key }, { signal }))) throw full;
      const grant = await kv.cas.lock({ app, key, holder, ttlMs }, { signal });
      return { held: grant !== undefined, token: grant?.token ?? null };
    },
    async renewLock({ key, holder, token, ttlMs }, { app, signal }) {
      return { held: await kv.cas.renew({ app, key, holder, token, ttlMs }, { signal }) };
    },
    async unlock({ key, holder, token }, { app, signal }) {
      return { released: await kv.cas.unlock({ app, key, holder, token }, { signal }) };
    },
  };
}

/** Why the app may store nothing new; undefined: it may. */
async function fullness(context: RequestContext): Promise<P2posError | undefined> {
  try {
    await context.mayStore?.();
    return undefined;
  } catch (error) {
    if (isP2posError(error, 'QUOTA_STORAGE')) return error;
    throw error;
  }
}

interface Wanted {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: '*' | undefined;
}

/** Undefined: a plain request. @throws P2posError BAD_REQUEST for what does not go together */
function conditionOf(
  cas: boolean | undefined,
  { ifMatch, ifNoneMatch }: Wanted,
  explain: boolean,
  consistency?: string,
): Condition | undefined {
  const refuse = (reason: string) => new P2posError('BAD_REQUEST', { reason });
  if (!cas) {
    if (ifMatch === undefined && ifNoneMatch === undefined) return undefined;
    throw refuse(
      'if-match and if-none-match need cas=1: plain keys take the newest write, whatever was there.',
    );
  }
  if (explain || consistency !== undefined)
    throw refuse('explain and consistency are for plain keys: with cas=1 a majority always agrees.');
  if (ifMatch !== undefined && ifNoneMatch !== undefined)
    throw refuse('Give if-match or if-none-match, not both.');
  if (ifMatch !== undefined) return { kind: 'version', version: ifMatch };
  return { kind: ifNoneMatch === undefined ? 'any' : 'absent' };
}

function agreed(
  key: string,
  { version, replicas, durable, previous, receipt: signed }: ChangeOutcome,
): KvReceipt {
  return {
    key,
    version,
    replicas: [...replicas],
    durable,
    previous: previous?.version ?? null,
    ...(signed && { receipt: signed }),
  };
}

/** @throws P2posError KV_KEY_NOT_FOUND */
function held(key: string, found: RegisterValue | undefined) {
  if (!found) throw new P2posError('KV_KEY_NOT_FOUND', { key });
  const { value, ...headers } = found;
  return { value, headers };
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
  { version, replicas, durable, receipt: signed }: WriteOutcome,
  explain: Explanation | undefined,
): KvReceipt {
  return {
    key,
    version,
    replicas: [...replicas],
    durable,
    ...(explain && { explain }),
    ...(signed && { receipt: signed }),
  };
}

/** @throws P2posError KV_KEY_NOT_FOUND */
function found(key: string, { found: record }: ReadOutcome, explain: Explanation | undefined) {
  if (!record) throw new P2posError('KV_KEY_NOT_FOUND', { key, ...(explain && { explain }) });
  const { value, version, expiresAt } = record;
  const headers = { version, ...(expiresAt !== undefined && { expiresAt }), ...(explain && { explain }) };
  return { value, headers };
}
