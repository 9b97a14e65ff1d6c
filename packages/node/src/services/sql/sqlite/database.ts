/**
 * One database's file: a connection that writes and one that reads what is committed (WAL). `synchronous=FULL`, so what
 * is answered is on the disk. Runs in the engine's process, or within a test.
 */
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import type { SqlValue } from '@p2pos/protocol';
import type { RowSet, StatementResult } from '../engine.ts';
import { FENCE_DOWN, FENCE_FOUND, FENCE_UP } from '../fence.ts';
import { failureOf, Refusal } from './failure.ts';
import { createGuard, type Guard } from './guard.ts';
import type { Failure, FileLimits, FileStatus, JobStatement, WriteJob } from './job.ts';
import { createStatementCache, type Prepared } from './statement-cache.ts';
import { bound, packed, sizeOf, toValue, unpacked } from './values.ts';

export type Outcome = { readonly results: readonly StatementResult[] } | { readonly failure: Failure };

export interface Database extends Disposable {
  /**
   * Requests of several clients in one commit. One that fails is undone alone; where that cannot be (a statement that rolls
   * all back, a constraint noticed at commit) nothing is kept and each runs in a transaction of its own.
   */
  write(jobs: readonly WriteJob[], onStart?: (index: number) => void): Outcome[];
  query(statement: JobStatement): RowSet;
  fence(isUp: boolean): void;
  /** Drops stored results of requests that are older. */
  forget(before: number): void;
  /** Of a transaction that takes several calls; between them nothing else is written. */
  begin(): void;
  step(statement: JobStatement): StatementResult;
  end(how: 'commit' | 'rollback'): void;
  /** A copy of everything in a new file. */
  backup(into: string): void;
  status(): FileStatus;
  failureOf(error: unknown): Failure;
}

export const REQUESTS_BY_KEY = `
  CREATE TABLE IF NOT EXISTS _p2pos_requests (
    key TEXT PRIMARY KEY, hash TEXT NOT NULL, at INTEGER NOT NULL, results TEXT NOT NULL
  ) WITHOUT ROWID`;
/** Of a request that was done by another engine. */
export const NOT_KEPT = 'null';
const DML = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE']);
const INSERTS = new Set(['INSERT', 'REPLACE']);
const HEAP_BYTES = 512 * 1_048_576;

export function openDatabase(file: string, limits: FileLimits): Database {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  using opening = new DisposableStack();
  const connect = (guard: Guard, readOnly: boolean) => {
    const db = new DatabaseSync(file, { readOnly, timeout: 10_000, enableDoubleQuotedStringLiterals: true });
    opening.defer(() => db.close());
    db.exec(`PRAGMA hard_heap_limit = ${HEAP_BYTES}; PRAGMA trusted_schema = OFF`);
    if (!readOnly) db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${REQUESTS_BY_KEY}`);
    Object.assign(db.limits, { length: limits.maxValueBytes, attach: 0 });
    db.setAuthorizer(guard.authorize);
    return db;
  };
  const writing = createGuard({ readOnly: false });
  const reading = createGuard({ readOnly: true });
  const writer = connect(writing, false);
  const reader = connect(reading, true);
  const toWrite = createStatementCache(writer);
  const toRead = createStatementCache(reader);
  const own = {
    begin: writer.prepare('BEGIN IMMEDIATE'),
    commit: writer.prepare('COMMIT'),
    rollback: writer.prepare('ROLLBACK'),
    save: writer.prepare('SAVEPOINT _p2pos'),
    keep: writer.prepare('RELEASE _p2pos'),
    undo: writer.prepare('ROLLBACK TO _p2pos'),
    find: writer.prepare('SELECT hash, results FROM _p2pos_requests WHERE key = ?'),
    note: writer.prepare('INSERT INTO _p2pos_requests (key, hash, at, results) VALUES (?, ?, ?, ?)'),
    forget: writer.prepare('DELETE FROM _p2pos_requests WHERE at < ?'),
    changes: writer.prepare('SELECT changes() AS changes, last_insert_rowid() AS id'),
  };
  own.changes.setReadBigInts(true);
  let commits = 0;

  function rowsOf({ statement }: Prepared, params: JobStatement['params']): RowSet {
    const rows: SqlValue[][] = [];
    let bytes = 0;
    for (const row of statement.iterate(...(bound(params) as []))) {
      const values = (row as unknown as SQLOutputValue[]).map(toValue);
      for (const value of values) bytes += sizeOf(value);
      if (bytes > limits.maxResultBytes)
        throw new Refusal('SQL_TOO_LARGE', { what: 'result', limit: `${limits.maxResultBytes} bytes` });
      rows.push(values);
    }
    // Only now: the schema may have changed since the statement was prepared.
    return { columns: statement.columns().map(({ name }) => name), rows };
  }

  function run({ sql, params, verb, trusted }: JobStatement): StatementResult {
    const execute = () => {
      const prepared = toWrite(sql);
      return prepared.gives ? rowsOf(prepared, params) : prepared.statement.run(...(bound(params) as []));
    };
    const done = trusted ? execute() : writing.confine(execute);
    if ('changes' in done) return told(verb, done.changes, done.lastInsertRowid);
    const returned = done;
    const { changes, id } = own.changes.get() as { changes: bigint; id: bigint };
    return { ...told(verb, changes, id), returned };
  }

  function runAll({ key, hash, at, statements }: WriteJob): readonly StatementResult[] {
    const known = own.find.get(key) as { hash: string; results: string } | undefined;
    if (known?.hash === hash && known.results === NOT_KEPT)
      throw new Refusal('SQL_UNSUPPORTED', {
        reason:
          'the request was done before under this key, but the rows that it returned are not kept; read them again',
      });
    if (known?.hash === hash) return unpacked(known.results) as StatementResult[];
    if (known) throw new Refusal('IDEMPOTENCY_KEY_REUSED', { idempotencyKey: key });
    const results = statements.map(run);
    own.note.run(key, hash, at, packed(results));
    return results;
  }

  function rollBack(): void {
    if (writer.isTransaction) own.rollback.run();
  }

  function single(job: WriteJob): Outcome {
    try {
      own.begin.run();
      const results = runAll(job);
      own.commit.run();
      commits += 1;
      return { results };
    } catch (error) {
      rollBack();
      return { failure: failureOf(error, writing.reason()) };
    }
  }

  /** Undefined: nothing was kept. */
  function together(jobs: readonly WriteJob[], onStart: (index: number) => void): Outcome[] | undefined {
    const outcomes: Outcome[] = [];
    try {
      own.begin.run();
      for (const [index, job] of jobs.entries()) {
        onStart(index);
        own.save.run();
        try {
          outcomes.push({ results: runAll(job) });
        } catch (error) {
          outcomes.push({ failure: failureOf(error, writing.reason()) });
          if (!writer.isTransaction) return undefined;
          own.undo.run();
        }
        own.keep.run();
      }
      own.commit.run();
      commits += 1;
      return outcomes;
    } catch {
      rollBack();
      return undefined;
    }
  }

  const held = opening.move();
  return {
    write(jobs, onStart = () => {}) {
      const shared = jobs.length > 1 ? together(jobs, onStart) : undefined;
      if (shared) return shared;
      return jobs.map((job, index) => {
        onStart(index);
        return single(job);
      });
    },
    query({ sql, params, trusted }) {
      const execute = () => rowsOf(toRead(sql), params);
      return trusted ? execute() : reading.confine(execute);
    },
    fence(isUp) {
      writer.exec(isUp ? FENCE_UP : FENCE_DOWN);
    },
    begin() {
      rollBack();
      own.begin.run();
      if (writer.prepare(FENCE_FOUND).get()?.['count(*)'] === 0) return;
      rollBack();
      throw new Refusal('SQL_MOVING', {});
    },
    step(statement) {
      if (!writer.isTransaction) throw new Refusal('SQL_TRANSACTION_ENDED', { reason: 'it was rolled back' });
      return run(statement);
    },
    end(how) {
      if (how === 'rollback') return rollBack();
      if (!writer.isTransaction) throw new Refusal('SQL_TRANSACTION_ENDED', { reason: 'it was rolled back' });
      try {
        own.commit.run();
        commits += 1;
      } catch (error) {
        rollBack();
        throw error;
      }
    },
    backup(into) {
      // VACUUM INTO attaches the new file.
      Object.assign(writer.limits, { attach: 1 });
      try {
        writer.prepare('VACUUM INTO ?').run(into);
      } finally {
        Object.assign(writer.limits, { attach: 0 });
      }
    },
    forget(before) {
      own.forget.run(before);
    },
    status: () => ({ version: versionOf(reader), bytes: sizeOfFiles(file), commits }),
    failureOf: (error) => failureOf(error, reading.reason() ?? writing.reason()),
    [Symbol.dispose]: () => held.dispose(),
  };
}

function told(verb: string, changes: number | bigint, id: number | bigint): StatementResult {
  // What SQLite tells after other statements is left from the last of these.
  const count = DML.has(verb) ? Number(changes) : 0;
  return {
    changes: count,
    lastInsertId: INSERTS.has(verb) && count > 0 ? (toValue(BigInt(id)) as number) : null,
  };
}

function versionOf(db: DatabaseSync): string {
  const { version } = db.prepare('SELECT sqlite_version() AS version').get() as { version: string };
  return version;
}

function sizeOfFiles(file: string): number {
  return [file, `${file}-wal`].reduce(
    (sum, name) => sum + (statSync(name, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

/** Puts the file `from` in the place of `file`, which nobody has open. */
export function replaceFile(file: string, from: string): void {
  const refuse = (reason: string) => new Refusal('SQL_REFUSED', { reason: `the file to restore ${reason}` });
  try {
    const db = new DatabaseSync(from, { allowExtension: false });
    try {
      const [row] = db.prepare('PRAGMA quick_check(1)').all();
      if (row?.['quick_check'] !== 'ok') throw refuse('is damaged');
      // Whatever mode it was in, one file holds all of it.
      db.exec('PRAGMA journal_mode = DELETE');
    } finally {
      db.close();
    }
  } catch (error) {
    rmSync(from, { force: true });
    throw error instanceof Refusal ? error : refuse('is no sound SQLite file');
  }
  for (const name of [`${file}-wal`, `${file}-shm`]) rmSync(name, { force: true });
  renameSync(from, file);
}
