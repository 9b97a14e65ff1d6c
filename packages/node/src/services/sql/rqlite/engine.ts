/** Engine `rqlite`: this node's voter of a Raft group (Ongaro & Ousterhout 2014), asked through its HTTP door. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../../core/clock/index.ts';
import type { Logger } from '../../../core/log/index.ts';
import type { PeerId } from '../../../core/net/index.ts';
import type { Entry } from '../catalogue.ts';
import type { Engine, EngineOptions, Statement } from '../engine.ts';
import { FENCE_DOWN, FENCE_FOUND, FENCE_UP } from '../fence.ts';
import { REQUESTS_BY_STATEMENT } from '../sqlite/adapting.ts';
import { asksForNow } from '../statements/examination.ts';
import {
  mayHideBlobs,
  type RawResult,
  resultsOf,
  rowsOf,
  rowsWithTypes,
  statementError,
  withTypes,
} from './answers.ts';
import { createCluster, type EngineView, STATUS_BYTES } from './cluster.ts';
import type { Door } from './door.ts';
import { createInteractive } from './interactive.ts';
import { statementJson } from './literals.ts';
import type { Program } from './program.ts';
import { rehearsalOf } from './rehearsal.ts';
import type { Voter } from './voter.ts';
import { createWrites } from './writes.ts';

export interface RqliteEngineDeps {
  readonly door: Door;
  readonly voter: Voter;
  readonly program: Program;
  readonly clock: Clock;
  readonly log: Logger;
  /** Makes a backup of either engine one that can be loaded. @throws P2posError SQL_REFUSED, SQL_UNSUPPORTED */
  adapt(file: Uint8Array): Promise<Uint8Array>;
}

export interface RqliteEngineConfig {
  readonly self: PeerId;
  readonly entry: Entry;
  /** Where the voter's files are. */
  readonly folder: string;
  readonly maxResultBytes: number;
}

const WATCH_MS = 1_000;
const IDLE_WATCH_MS = 8_000;
const IDLE_AFTER_MS = 15_000;
const ASK_MS = 2_000;
/** Another voter may be ready sooner. */
const READY_MS = 1_000;
const RETRY_MS = 150;
/** A statement that is ended at its time is told of by the leader before the voter that asked it gives up, and that before its node. */
const TOLD_MS = 700;
const ANSWERED_MS = 1_000;
const MAX_BACKUP_BYTES = 512 * 1_048_576;

export function createRqliteEngine(
  deps: RqliteEngineDeps,
  { self, entry, folder, maxResultBytes }: RqliteEngineConfig,
): Engine {
  const { door, voter, program, clock, log, adapt } = deps;
  const { name } = entry;
  const { capabilities, version } = program;
  const writes = createWrites({ door, clock }, { name, capabilities, maxResultBytes });
  const listeners = new Set<() => void>();
  const closing = new AbortController();
  let view: EngineView = {};
  let applied = -1;
  let nap = new AbortController();
  let askedAt = clock.monotonic();
  let settledTerm: unknown;

  /** @throws P2posError SQL_REFUSED: each voter would come to another result */
  function checkWrite({ examined, params }: Statement): void {
    const refuse = (what: string) =>
      new P2posError('SQL_REFUSED', {
        reason: `${what} gives each voter another result; pass the value as a parameter instead`,
      });
    const { chance, verb, reads, looksBack } = examined;
    if (reads)
      throw new P2posError('SQL_UNSUPPORTED', {
        reason: 'with rqlite a write returns rows by RETURNING only; send what reads to query',
      });
    const isRewritten = capabilities.rewrites && verb !== 'CREATE' && verb !== 'ALTER';
    if (chance !== undefined && !isRewritten) throw refuse(chance);
    if (asksForNow(examined, params)) throw refuse('the date now');
    if (looksBack)
      throw new P2posError('SQL_REFUSED', {
        reason:
          'changes() and total_changes() are not kept apart from those of others; the answer tells the changes',
      });
  }

  async function look(signal?: AbortSignal): Promise<EngineView> {
    const { status, body } = await door.ask('GET', '/status', undefined, {
      timeoutMs: ASK_MS,
      maxBytes: STATUS_BYTES,
      signal,
    });
    if (status !== 200)
      throw new P2posError('SQL_ENGINE_FAILED', { database: name, reason: `status ${status}` });
    view = JSON.parse(body.toString('utf8')) as EngineView;
    const index = view.store?.raft?.applied_index ?? -1;
    if (index !== applied) {
      applied = index;
      for (const listener of listeners) listener();
    }
    return view;
  }

  /**
   * The first linearizable read of a term goes through the log, where all voters run it and nothing passes it; so it must not
   * be a client's.
   */
  async function settleTerm(): Promise<void> {
    const { state, term } = view.store?.raft ?? {};
    if (!capabilities.linearizable || state !== 'Leader' || term === settledTerm) return;
    const options = { timeoutMs: ASK_MS, maxBytes: STATUS_BYTES, signal: closing.signal };
    const path = `/db/query?level=linearizable&timeout=${ASK_MS}ms`;
    const [raw] = resultsOf(await door.ask('POST', path, '["SELECT 1"]', options), name);
    if (raw?.error === undefined) settledTerm = term;
  }

  /** Fifty databases that nobody asks must not keep a machine busy. */
  function restMs(): number {
    if (listeners.size > 0) return WATCH_MS / 5;
    const isIdle = view.store?.leader?.node_id && clock.monotonic() - askedAt > IDLE_AFTER_MS;
    return isIdle ? IDLE_WATCH_MS : WATCH_MS;
  }

  async function watch(): Promise<void> {
    while (!closing.signal.aborted) {
      await look(closing.signal).catch(() => {
        view = {};
      });
      await settleTerm().catch((error) =>
        log.debug({ action: 'sql_term_unsettled', error }, 'a new leader has read nothing yet'),
      );
      nap = new AbortController();
      const signal = AbortSignal.any([closing.signal, nap.signal]);
      await sleep(clock, restMs(), { signal }).catch(() => {});
    }
  }

  /** Until there is a leader and the table that every write needs. */
  async function prepare(): Promise<void> {
    for (;;) {
      try {
        const options = { timeoutMs: ASK_MS, maxBytes: STATUS_BYTES, signal: closing.signal };
        const [result] = resultsOf(
          await door.ask('POST', '/db/execute', JSON.stringify([REQUESTS_BY_STATEMENT]), options),
          name,
        );
        if (result && result.error === undefined) return;
      } catch (error) {
        if (closing.signal.aborted) throw error;
        log.debug({ action: 'sql_voter_waits', error }, 'a voter has no leader yet');
      }
      await sleep(clock, RETRY_MS, { signal: closing.signal });
    }
  }

  /** @throws P2posError SQL_NO_LEADER when there is none within the time */
  async function awaitReady({ timeoutMs, signal }: EngineOptions): Promise<void> {
    if (isReady) return;
    const patience = new AbortController();
    const stop = () => patience.abort();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const late = sleep(clock, Math.min(timeoutMs, READY_MS), { signal: patience.signal }).then(() => {
        const { problem } = voter;
        if (problem !== null) throw new P2posError('SQL_ENGINE_FAILED', { database: name, reason: problem });
        throw new P2posError('SQL_NO_LEADER', { database: name });
      });
      await Promise.race([ready, late]);
    } finally {
      signal?.removeEventListener('abort', stop);
      patience.abort();
    }
  }

  function levelOf(consistency: 'none' | 'weak' | 'linearizable'): string {
    return consistency === 'linearizable' && !capabilities.linearizable ? 'strong' : consistency;
  }

  const cluster = createCluster({ door, voter, look }, { self, entry, folder });

  /** A statement of the service itself, which leaves no row. */
  async function executePlainly(sql: string, { timeoutMs, signal }: EngineOptions): Promise<void> {
    const within = { timeoutMs, maxBytes: STATUS_BYTES, signal };
    const [raw] = resultsOf(await door.ask('POST', '/db/execute', JSON.stringify([sql]), within), name);
    if (raw?.error !== undefined) throw statementError(raw.error, name, timeoutMs);
  }

  /** A request that nobody waits for any more goes on in rqlited, so its time must be right from the start. */
  function timesOf(timeoutMs: number): string {
    return `timeout=${timeoutMs + TOLD_MS}ms&db_timeout=${timeoutMs}ms`;
  }

  async function readAll(
    part: readonly string[],
    query: string,
    options: EngineOptions,
  ): Promise<RawResult[]> {
    await awaitReady(options);
    const { timeoutMs, signal } = options;
    const path = `/db/query?${query}&blob_array&${timesOf(timeoutMs)}`;
    const within = { timeoutMs: timeoutMs + ANSWERED_MS, maxBytes: 3 * maxResultBytes, signal };
    return resultsOf(await door.ask('POST', path, `[${part.join(',')}]`, within), name);
  }

  /**
   * Half of the time is for what a statement reads, which is tried first, since no write can be ended.
   *
   * @throws P2posError SQL_TIMEOUT
   */
  async function rehearse(statements: readonly Statement[], options: EngineOptions): Promise<void> {
    const timeoutMs = Math.ceil(options.timeoutMs / 2);
    for (const statement of statements) {
      const read = rehearsalOf(statement);
      if (!read) continue;
      const [raw] = await readAll([statementJson(read, capabilities)], 'level=weak', {
        ...options,
        timeoutMs,
      });
      const error = raw?.error === undefined ? undefined : statementError(raw.error, name, timeoutMs);
      // Anything else the statement itself says better; what it needs may come to be in its own transaction.
      if (error?.code === 'SQL_TIMEOUT') throw error;
    }
  }

  const interactive = createInteractive(
    {
      clock,
      rehearse,
      writes,
      checkWrite,
      read: (parts, options) => readAll(parts, 'level=weak&transaction', options),
      readSurely: (part, options) => readAll([part], `level=${levelOf('linearizable')}`, options),
    },
    { name, capabilities },
  );

  let isReady = false;
  const ready = prepare().then(() => {
    isReady = true;
  });
  ready.catch(() => {});
  const watching = watch().catch(() => {});

  return {
    cluster,
    interactive: {
      ...interactive,
      async end(transaction, how, options) {
        await awaitReady(options);
        const results = await interactive.end(transaction, how, options);
        for (const listener of listeners) listener();
        return results;
      },
    },
    leader: () => view.store?.leader?.node_id || undefined,
    async query(statement, { consistency, timeoutMs, signal }) {
      askedAt = clock.monotonic();
      if (consistency !== 'none') await awaitReady({ timeoutMs, signal });
      const level = levelOf(consistency);
      const until = clock.monotonic() + timeoutMs;
      const run = async (sql: string): Promise<RawResult> => {
        const { examined, params } = statement;
        const leftMs = Math.max(1, Math.ceil(until - clock.monotonic()));
        const path = `/db/query?level=${level}&blob_array&${timesOf(leftMs)}`;
        const options = { timeoutMs: leftMs + ANSWERED_MS, maxBytes: maxResultBytes, signal };
        const body = `[${statementJson({ examined: { ...examined, sql }, params }, capabilities)}]`;
        const answer = await door.ask('POST', path, body, options).catch((error) => {
          // Elsewhere it would take as long.
          if (isP2posError(error) && /no answer within/.test(error.message))
            throw new P2posError('SQL_TIMEOUT', { timeoutMs });
          throw error;
        });
        const [raw = {}] = resultsOf(answer, name);
        if (raw.error !== undefined) throw statementError(raw.error, name, timeoutMs);
        return raw;
      };
      const { sql, verb } = statement.examined;
      const raw = await run(sql);
      if (verb === 'EXPLAIN' || !mayHideBlobs(raw, capabilities.blobArrays)) return rowsOf(raw);
      const columns = raw.columns ?? [];
      return rowsWithTypes(columns, await run(withTypes(sql, columns.length)));
    },
    async write(request, options) {
      askedAt = clock.monotonic();
      for (const statement of request.statements) checkWrite(statement);
      await awaitReady(options);
      await rehearse(request.statements, options);
      const results = await writes.write(request, options);
      for (const listener of listeners) listener();
      return results;
    },
    async backup({ timeoutMs, signal }) {
      await awaitReady({ timeoutMs, signal });
      const options = { timeoutMs, maxBytes: MAX_BACKUP_BYTES, signal };
      const { status, body } = await door.ask('GET', '/db/backup', undefined, options);
      if (status === 200) return body;
      throw new P2posError('SQL_ENGINE_FAILED', { database: name, reason: body.toString('utf8').trim() });
    },
    async restore(file, { timeoutMs, signal }) {
      const fitting = await adapt(file);
      await awaitReady({ timeoutMs, signal });
      const { status, body } = await door.ask('POST', '/db/load', fitting, {
        timeoutMs,
        maxBytes: STATUS_BYTES,
        signal,
      });
      const text = body.toString('utf8').trim();
      if (status !== 200)
        throw new P2posError('SQL_REFUSED', { reason: `the file to restore is refused: ${text}` });
      await prepare();
      for (const listener of listeners) listener();
    },
    async fence(isUp, options) {
      await awaitReady(options);
      await executePlainly(isUp ? FENCE_UP : FENCE_DOWN, options);
    },
    async isFenced(options) {
      const [raw = {}] = await readAll([JSON.stringify([FENCE_FOUND])], 'level=none', options);
      return raw.values?.[0]?.[0] === 1;
    },
    async forget(before, { timeoutMs, signal }) {
      // Once for all voters.
      if (view.store?.raft?.state !== 'Leader') return;
      const sql = 'DELETE FROM _p2pos_requests WHERE at < ?';
      const options = { timeoutMs, maxBytes: STATUS_BYTES, signal };
      await door.ask('POST', '/db/execute', JSON.stringify([[sql, before]]), options);
    },
    async status({ signal }) {
      const { problem } = voter;
      const nothing = { role: 'unknown' as const, engineVersion: version, index: null, bytes: null };
      try {
        const { store } = await look(signal);
        const state = store?.raft?.state?.toLowerCase();
        const isReader = entry.holders.some(({ peerId, reader }) => peerId === self && reader === true);
        const role = isReader
          ? 'reader'
          : state === 'leader' || state === 'follower' || state === 'candidate'
            ? state
            : 'unknown';
        const trouble = store?.leader?.node_id ? null : 'it knows no leader';
        return {
          role,
          engineVersion: version,
          index: store?.raft?.applied_index ?? null,
          bytes: store?.dir_size ?? null,
          problem: problem ?? trouble,
        };
      } catch (error) {
        return {
          ...nothing,
          problem: problem ?? (isP2posError(error) ? error.message : 'it does not answer'),
        };
      }
    },
    onChange(listener) {
      listeners.add(listener);
      if (listeners.size === 1) nap.abort();
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    async [Symbol.asyncDispose]() {
      closing.abort(new P2posError('NODE_CLOSING'));
      interactive[Symbol.dispose]();
      await Promise.all([watching, ready.catch(() => {})]);
      await voter[Symbol.asyncDispose]();
      door[Symbol.dispose]();
    },
  };
}
