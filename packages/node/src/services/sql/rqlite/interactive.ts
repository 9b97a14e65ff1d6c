/**
 * Transactions of several calls on voters: optimistic (Kung & Robinson 1981), so nobody waits and no lease is needed. Reads
 * are made at once and compared again within the commit; writes are kept until then, and are one entry of the log together
 * with the comparisons. A marker in the same entry says how the transaction ended, so every voter can tell it later.
 */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../../core/clock/index.ts';
import type { EngineOptions, Interactive, RowSet, Statement, StatementResult } from '../engine.ts';
import { trust } from '../statements/examination.ts';
import type { RawResult } from './answers.ts';
import { rowsOf, statementError } from './answers.ts';
import { checkJson, digestJson, rowsOfDigest } from './digest.ts';
import { statementJson } from './literals.ts';
import type { Capabilities } from './program.ts';
import { changedWith, readBy, SCHEMA, targetOf } from './touching.ts';
import type { Writes } from './writes.ts';

export interface InteractiveDeps {
  readonly clock: Clock;
  readonly writes: Writes;
  /** All of them as of one moment. */
  read(parts: readonly string[], options: EngineOptions): Promise<RawResult[]>;
  /** What is durable. */
  readSurely(part: string, options: EngineOptions): Promise<RawResult[]>;
  /** @throws P2posError SQL_REFUSED: each voter would come to another result */
  checkWrite(statement: Statement): void;
  /** @throws P2posError SQL_TIMEOUT: what they read takes too long */
  rehearse(statements: readonly Statement[], options: EngineOptions): Promise<void>;
}

export interface InteractiveConfig {
  /** Of the database, for messages. */
  readonly name: string;
  readonly capabilities: Capabilities;
}

interface Open {
  readonly lease: Disposable;
  readonly checks: string[];
  readonly statements: Statement[];
  readonly changed: Set<string>;
  changesVirtual: boolean;
  bytes: number;
  committing?: Promise<StatementResult[]>;
}

const LIFE_MS = 30_000;
const MAX_OPEN = 256;
const MAX_STATEMENTS = 1_000;
const MAX_BYTES = 2 * 1_048_576;
const RETRY_MS = 100;
/** Of a statement that changes the schema. */
const EVERYTHING = ' everything';
const rowsOfRaw = (raw: RawResult) => rowsOf(raw).rows;
const DML = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE']);

export function createInteractive(
  { clock, writes, read, readSurely, checkWrite, rehearse }: InteractiveDeps,
  { name, capabilities }: InteractiveConfig,
): Interactive & Disposable {
  const all = new Map<string, Open>();

  const plain = (sql: string, ...values: unknown[]) => JSON.stringify([sql, ...values]);
  const keyOf = (transaction: string) => `transaction ${transaction}`;
  const markerOf = (transaction: string, how: string, or = '') =>
    plain(
      `INSERT ${or} INTO _p2pos_requests VALUES (?, 0, ?, ?, 0, NULL, 0)`,
      `end of ${transaction}`,
      how,
      clock.now(),
    );

  function ended(
    transaction: string,
    reason = `it was ended, or its ${LIFE_MS / 1_000} s are over`,
  ): P2posError {
    return new P2posError('SQL_TRANSACTION_ENDED', { database: name, transaction, reason });
  }

  function drop(transaction: string): void {
    all.get(transaction)?.lease[Symbol.dispose]();
    all.delete(transaction);
  }

  function openOf(transaction: string): Open {
    const open = all.get(transaction);
    if (!open || open.committing) throw ended(transaction);
    return open;
  }

  function grow(open: Open, bytes: number): void {
    if (open.checks.length + open.statements.length >= MAX_STATEMENTS || open.bytes + bytes > MAX_BYTES)
      throw new P2posError('SQL_TOO_LARGE', {
        what: 'transaction',
        limit: `${MAX_STATEMENTS} statements or ${MAX_BYTES} bytes, read rows included`,
      });
    open.bytes += bytes;
  }

  function sound(raw: RawResult | undefined, { timeoutMs }: EngineOptions): RawResult {
    if (raw?.error !== undefined) throw statementError(raw.error, name, timeoutMs);
    return raw ?? {};
  }

  async function overlaps(
    open: Open,
    { examined, params }: Statement,
    options: EngineOptions,
  ): Promise<boolean> {
    if (open.changed.size === 0) return false;
    if (open.changed.has(EVERYTHING)) return true;
    const explained = { examined: { ...examined, sql: `EXPLAIN ${examined.sql}` }, params };
    const [program, schema] = await read([statementJson(explained, capabilities), plain(SCHEMA)], options);
    const found = readBy(rowsOfRaw(sound(program, options)), rowsOfRaw(sound(schema, options)));
    if (open.changesVirtual && found.isVirtual) return true;
    return [...found.tables].some((table) => open.changed.has(table));
  }

  function refuse(reason: string): P2posError {
    return new P2posError('SQL_UNSUPPORTED', { reason });
  }

  async function look(open: Open, statement: Statement, options: EngineOptions): Promise<RowSet> {
    const { examined } = statement;
    if (examined.verb === 'EXPLAIN') throw refuse('EXPLAIN takes no part in a transaction; send it to query');
    if (examined.chance !== undefined || examined.looksBack)
      throw refuse(
        `${examined.chance ?? 'changes()'} gives another result at the commit; pass values as parameters`,
      );
    if (await overlaps(open, statement, options))
      throw refuse(
        'with rqlite the writes of a transaction are done at its commit, so it cannot read what it has changed; read first, then write',
      );
    const [shape] = await read([statementJson(statement, capabilities)], options);
    const columns = sound(shape, options).columns ?? [];
    const [raw] = await read([digestJson(statement, columns.length, capabilities)], options);
    const digest = String(sound(raw, options).values?.[0]?.[0] ?? '');
    const check = checkJson(statement, columns.length, digest, capabilities);
    grow(open, check.length);
    open.checks.push(check);
    return rowsOfDigest(columns, digest);
  }

  async function keep(open: Open, statement: Statement, options: EngineOptions): Promise<StatementResult> {
    checkWrite(statement);
    await rehearse([statement], options);
    const { verb, sql } = statement.examined;
    if (!DML.has(verb)) open.changed.add(EVERYTHING);
    if (!open.changed.has(EVERYTHING)) {
      const target = targetOf(sql) ?? '';
      const [schema] = await read([plain(SCHEMA)], options);
      const changed = changedWith(target, rowsOfRaw(sound(schema, options)));
      if (!changed)
        throw new P2posError('SQL_SYNTAX', { database: name, reason: `no such table: ${target}` });
      for (const table of changed.tables) open.changed.add(table);
      open.changesVirtual ||= changed.isVirtual;
    }
    grow(open, sql.length + statementJson(statement, capabilities).length);
    open.statements.push(statement);
    return { changes: 0, lastInsertId: null, deferred: true };
  }

  /** How it ended, for one that is not known here; from now on it has ended. */
  async function settle(transaction: string, options: EngineOptions): Promise<undefined> {
    const rollback: Statement = {
      examined: trust(
        `INSERT OR IGNORE INTO _p2pos_requests VALUES ('end of ${transaction}', 0, 'rollback', ${clock.now()}, 0, NULL, 0)`,
        'INSERT',
      ),
      params: [],
    };
    await writes.write(
      { statements: [rollback], key: `settling ${transaction}`, hash: transaction },
      options,
    );
    if ((await endOf(transaction, options)) !== 'commit') throw ended(transaction);
    return undefined;
  }

  async function endOf(transaction: string, options: EngineOptions): Promise<unknown> {
    const part = plain('SELECT hash FROM _p2pos_requests WHERE key = ?', `end of ${transaction}`);
    const [raw] = await readSurely(part, options);
    return sound(raw, options).values?.[0]?.[0];
  }

  async function commit(transaction: string, open: Open, options: EngineOptions): Promise<StatementResult[]> {
    const { statements, checks } = open;
    const request = { statements, key: keyOf(transaction), hash: transaction };
    const guard = {
      parts: [markerOf(transaction, 'commit'), ...checks],
      async failed(at: number, reason: string, within: EngineOptions): Promise<P2posError | undefined> {
        if (!/_p2pos_requests/.test(reason)) return statementError(reason, name, within.timeoutMs);
        if (at > 0) return new P2posError('SQL_CONFLICT');
        return (await endOf(transaction, within)) === 'commit' ? undefined : ended(transaction);
      },
    };
    const until = clock.monotonic() + options.timeoutMs;
    for (;;) {
      try {
        return await writes.write(request, options, guard);
      } catch (error) {
        // Another voter leads soon; what was done already is known by its key.
        const isPassing = isP2posError(error, 'SQL_NO_LEADER') || isP2posError(error, 'SQL_ENGINE_FAILED');
        if (!isPassing || clock.monotonic() + RETRY_MS >= until) throw error;
        await sleep(clock, RETRY_MS, { signal: options.signal });
      }
    }
  }

  return {
    async begin(transaction) {
      if (all.size >= MAX_OPEN)
        throw new P2posError('OVERLOADED', { what: `Open transactions of the database ${name}` });
      const lease = clock.after(LIFE_MS, () => all.delete(transaction));
      all.set(transaction, {
        lease,
        checks: [],
        statements: [],
        changed: new Set(),
        changesVirtual: false,
        bytes: 0,
      });
      return { expiresInMs: LIFE_MS };
    },
    async step(transaction, statement, options) {
      const open = openOf(transaction);
      if (!statement.examined.reads) return keep(open, statement, options);
      return { changes: 0, lastInsertId: null, returned: await look(open, statement, options) };
    },
    async end(transaction, how, options) {
      const open = all.get(transaction);
      if (how === 'rollback') {
        if (!open?.committing) drop(transaction);
        return undefined;
      }
      if (!open) return settle(transaction, options);
      open.committing ??= commit(transaction, open, options).finally(() => drop(transaction));
      return open.committing;
    },
    [Symbol.dispose]() {
      for (const transaction of [...all.keys()]) drop(transaction);
    },
  };
}
