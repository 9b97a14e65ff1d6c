/** One SQLite connection with its prepared statements; synchronous, for a worker thread or for memory. */
import { constants, DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Row, SqlValue } from './port.ts';
import { StoreFailure } from './sqlite-failure.ts';

export interface ConnectionConfig {
  readonly file: string;
  readonly readOnly?: boolean;
  /** Greatest size of one read's rows. Default 16 MiB. */
  readonly maxReadBytes?: number;
}

const MAX_READ_BYTES = 16 * 1024 * 1024;
/** Texts are written by this project, but lists of placeholders vary with their length. */
const MAX_CACHED_STATEMENTS = 512;
/** Rough cost of a row object, so that very many empty rows count too. */
const ROW_BYTES = 64;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

export class Connection implements Disposable {
  readonly database: DatabaseSync;
  readonly #writes = new Map<string, StatementSync>();
  readonly #reads = new Map<string, StatementSync>();
  readonly #maxReadBytes: number;

  constructor({ file, readOnly = false, maxReadBytes = MAX_READ_BYTES }: ConnectionConfig) {
    this.database = new DatabaseSync(file, { readOnly, timeout: 5_000 });
    this.#maxReadBytes = maxReadBytes;
  }

  run(sql: string, params: readonly SqlValue[] = []): number {
    return Number(this.#prepare(sql, this.#writes).run(...params).changes);
  }

  /** Refuses a text that would change anything. Integers beyond 2^53 come as bigint, all others as number. */
  all<R extends Row>(sql: string, params: readonly SqlValue[] = []): R[] {
    const statement = this.#prepareRead(sql);
    try {
      return this.#collect(statement, params) as R[];
    } catch (error) {
      if (!isOutOfRange(error)) throw error;
      statement.setReadBigInts(true);
      try {
        return this.#collect(statement, params).map(narrowIntegers) as R[];
      } finally {
        statement.setReadBigInts(false);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#writes.clear();
    this.#reads.clear();
    if (this.database.isOpen) this.database.close();
  }

  #collect(statement: StatementSync, params: readonly SqlValue[]): Row[] {
    const rows: Row[] = [];
    let bytes = 0;
    for (const row of statement.iterate(...params)) {
      bytes += sizeOfRow(row as Row);
      if (bytes > this.#maxReadBytes) {
        throw new StoreFailure({
          code: 'STORE_FAILED',
          details: { reason: `a read gave more than ${this.#maxReadBytes} bytes; ask for fewer rows` },
        });
      }
      rows.push({ ...row } as Row);
    }
    return rows;
  }

  #prepareRead(sql: string): StatementSync {
    const known = this.#reads.get(sql);
    if (known) return known;
    // Asked while the text is compiled, not when it runs. `PRAGMA query_only` would have all statements compiled anew.
    this.database.setAuthorizer(allowReading);
    try {
      return this.#prepare(sql, this.#reads);
    } finally {
      this.database.setAuthorizer(null);
    }
  }

  #prepare(sql: string, statements: Map<string, StatementSync>): StatementSync {
    let statement = statements.get(sql);
    if (statement) return statement;
    statement = this.database.prepare(sql);
    if (statements.size >= MAX_CACHED_STATEMENTS) statements.clear();
    statements.set(sql, statement);
    return statement;
  }
}

const READING: ReadonlySet<number> = new Set([
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE,
]);

/** https://www.sqlite.org/c3ref/set_authorizer.html */
function allowReading(action: number): number {
  return READING.has(action) ? constants.SQLITE_OK : constants.SQLITE_DENY;
}

/** Bytes that a value takes on its way between threads, roughly. */
export function sizeOfValue(value: SqlValue): number {
  if (typeof value === 'string') return value.length;
  return value instanceof Uint8Array ? value.byteLength : 8;
}

function sizeOfRow(row: Row): number {
  let bytes = ROW_BYTES;
  for (const name in row) bytes += sizeOfValue(row[name] as SqlValue);
  return bytes;
}

function isOutOfRange(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_OUT_OF_RANGE';
}

function narrowIntegers(row: Row): Row {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === 'bigint' && value <= MAX_SAFE && value >= -MAX_SAFE) row[name] = Number(value);
  }
  return row;
}
