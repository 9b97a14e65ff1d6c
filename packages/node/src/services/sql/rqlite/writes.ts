/**
 * Writes of many requests in one entry of the log. A group that fails is rolled back as a whole, and each of its requests
 * then runs in a transaction of its own. Behind each statement stands a row in `_p2pos_requests` with what it did, so that
 * a repeat, after an answer that was lost, is noticed by the row's key and answered from it.
 *
 * Only `/db/execute` is atomic: `/db/request` goes on after a statement that cannot be prepared, and commits the rest
 * (seen with 8.26.8 and 8.43.4; `engines.test.ts`, T11). So a write takes no SELECT here; RETURNING works.
 */
import { isP2posError, P2posError } from '@p2pos/protocol';
import type { Clock } from '../../../core/clock/index.ts';
import type { EngineOptions, StatementResult, WriteRequest } from '../engine.ts';
import { type RawResult, resultsOf, rowsOf, rowsReturned, statementError } from './answers.ts';
import type { Door } from './door.ts';
import { statementJson } from './literals.ts';
import type { Capabilities } from './program.ts';

export interface WritesDeps {
  readonly door: Door;
  readonly clock: Pick<Clock, 'now'>;
}

export interface WritesConfig {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly maxResultBytes: number;
}

/** Statements before those of a request, in its transaction: where one fails the request is not done. */
export interface Guard {
  readonly parts: readonly string[];
  /** What it means that the one at this place failed. @returns where the request turns out to be done before: nothing */
  readonly failed: (at: number, reason: string, options: EngineOptions) => Promise<P2posError | undefined>;
}

export interface Writes {
  write(request: WriteRequest, options: EngineOptions, guard?: Guard): Promise<StatementResult[]>;
}

const DML = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE']);
const INSERTS = new Set(['INSERT', 'REPLACE']);
/** While these are on their way the next ones gather. */
const MAX_IN_FLIGHT = 2;
const MAX_GROUP = 256;
/** More are shared out, so that clients hear of one group and ask anew while the engine has the other. */
const MIN_SHARED = 16;
const MAX_GROUP_BYTES = 1_048_576;
const MAX_QUEUED = 10_000;
const UNGUARDED: Guard = { parts: [], failed: async () => undefined };

interface Queued {
  readonly request: WriteRequest;
  readonly guard: Guard;
  readonly parts: readonly string[];
  readonly bytes: number;
  readonly options: EngineOptions;
  readonly resolve: (results: StatementResult[]) => void;
  readonly reject: (error: unknown) => void;
}

export function createWrites({ door, clock }: WritesDeps, config: WritesConfig): Writes {
  const { name, capabilities, maxResultBytes } = config;
  const queue: Queued[] = [];
  let inFlight = 0;
  let queuedGroups = false;

  function partsOf({ statements, key, hash }: WriteRequest): string[] {
    const at = clock.now();
    return statements.flatMap((statement, seq) => {
      const { verb, returning } = statement.examined;
      const told = DML.has(verb) ? 'changes(), last_insert_rowid()' : '0, NULL';
      const returned = returning ? 1 : 0;
      const note = `INSERT INTO _p2pos_requests VALUES (?, ?, ?, ?, ${told}, ${returned})`;
      return [statementJson(statement, capabilities), JSON.stringify([note, key, seq, hash, at])];
    });
  }

  async function send(parts: readonly string[], { timeoutMs, signal }: EngineOptions): Promise<RawResult[]> {
    const answer = await door.ask(
      'POST',
      `/db/execute?transaction&blob_array&timeout=${timeoutMs}ms`,
      `[${parts.join(',')}]`,
      {
        timeoutMs: timeoutMs + 1_000,
        maxBytes: maxResultBytes,
        signal,
      },
    );
    return resultsOf(answer, name);
  }

  function outcomeOf(
    { statements }: WriteRequest,
    results: readonly RawResult[],
    from: number,
  ): StatementResult[] {
    return statements.map(({ examined: { verb } }, at) => {
      const raw = results[from + 2 * at] ?? {};
      const returned = raw.columns ? { returned: rowsReturned(raw, !capabilities.blobArrays) } : {};
      const changes = DML.has(verb) ? (raw.rows_affected ?? raw.values?.length ?? 0) : 0;
      // It leaves out a 0, and tells none of a statement that returns rows.
      const id = raw.last_insert_id ?? (raw.columns ? null : 0);
      return { changes, lastInsertId: INSERTS.has(verb) && changes > 0 ? id : null, ...returned };
    });
  }

  /** What the request did when it was done before; undefined: it was not. @throws P2posError IDEMPOTENCY_KEY_REUSED */
  async function doneBefore({ statements, key, hash }: WriteRequest, options: EngineOptions) {
    const sql = 'SELECT hash, changes, id, returned FROM _p2pos_requests WHERE key = ? ORDER BY seq';
    const level = capabilities.linearizable ? 'linearizable' : 'strong';
    const path = `/db/query?level=${level}&timeout=${options.timeoutMs}ms`;
    const [raw] = resultsOf(
      await door.ask('POST', path, JSON.stringify([[sql, key]]), { ...options, maxBytes: maxResultBytes }),
      name,
    );
    if (raw?.error !== undefined) throw statementError(raw.error, name, options.timeoutMs);
    const rows = rowsOf(raw ?? {}).rows;
    if (rows.length === 0) return undefined;
    if (rows[0]?.[0] !== hash || rows.length !== statements.length)
      throw new P2posError('IDEMPOTENCY_KEY_REUSED', { idempotencyKey: key });
    if (rows.some(([, , , returned]) => returned === 1))
      throw new P2posError('SQL_UNSUPPORTED', {
        reason:
          'the request was done before under this key, but the rows that it returned are not kept; read them again',
      });
    return rows.map(([, changes, id], at): StatementResult => {
      const inserts = INSERTS.has(statements[at]?.examined.verb ?? '') && changes !== 0;
      return { changes: Number(changes), lastInsertId: inserts ? (id as number | bigint) : null };
    });
  }

  async function single({ request, guard, parts, options }: Queued): Promise<StatementResult[]> {
    const results = await send(parts, options);
    const at = results.findIndex(({ error }) => error !== undefined);
    if (at < 0) return outcomeOf(request, results, guard.parts.length);
    const before = request.statements.length > 0 ? await doneBefore(request, options) : undefined;
    if (before) return before;
    const reason = results[at]?.error ?? '';
    if (at >= guard.parts.length) throw statementError(reason, name, options.timeoutMs);
    const meaning = await guard.failed(at, reason, options);
    if (meaning) throw meaning;
    return [];
  }

  async function runSingly(group: readonly Queued[]): Promise<void> {
    await Promise.all(group.map((queued) => single(queued).then(queued.resolve, queued.reject)));
  }

  async function run(group: readonly Queued[]): Promise<void> {
    const [only] = group;
    if (group.length === 1 && only) return runSingly(group);
    try {
      const timeoutMs = Math.max(...group.map(({ options }) => options.timeoutMs));
      const results = await send(
        group.flatMap(({ parts }) => parts),
        { timeoutMs },
      );
      if (results.some(({ error }) => error !== undefined)) return await runSingly(group);
      let from = 0;
      for (const { request, guard, parts, resolve } of group) {
        resolve(outcomeOf(request, results, from + guard.parts.length));
        from += parts.length;
      }
    } catch (error) {
      // Broken at commit by one of them; or done, and told of at too great a length.
      if (isP2posError(error, 'SQL_CONSTRAINT') || isP2posError(error, 'SQL_TOO_LARGE'))
        return runSingly(group);
      for (const { reject } of group) reject(error);
    }
  }

  function next(): Queued[] {
    const group: Queued[] = [];
    let bytes = 0;
    const share = Math.max(MIN_SHARED, Math.ceil(queue.length / (MAX_IN_FLIGHT - inFlight)));
    const most = Math.min(MAX_GROUP, share);
    for (let head = queue[0]; head && group.length < most; head = queue[0]) {
      if (group.length > 0 && bytes + head.bytes > MAX_GROUP_BYTES) break;
      queue.shift();
      bytes += head.bytes;
      if (head.options.signal?.aborted) head.reject(head.options.signal.reason);
      else group.push(head);
    }
    return group;
  }

  function pump(): void {
    queuedGroups = false;
    while (inFlight < MAX_IN_FLIGHT && queue.length > 0) {
      const group = next();
      if (group.length === 0) continue;
      inFlight += 1;
      void run(group).finally(() => {
        inFlight -= 1;
        schedule();
      });
    }
  }

  /** After what has arrived by now. */
  function schedule(): void {
    if (queuedGroups) return;
    queuedGroups = true;
    setImmediate(pump);
  }

  return {
    write(request, options, guard = UNGUARDED) {
      if (queue.length >= MAX_QUEUED)
        return Promise.reject(new P2posError('OVERLOADED', { what: `The database ${name}` }));
      return new Promise((resolve, reject) => {
        const parts = [...guard.parts, ...partsOf(request)];
        const bytes = parts.reduce((sum, part) => sum + part.length, 0);
        queue.push({ request, guard, parts, bytes, options, resolve, reject });
        schedule();
      });
    },
  };
}
