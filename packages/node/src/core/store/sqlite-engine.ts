/**
 * What a store means, without threads: group commits with one savepoint per write, a commit counter inside the same
 * transaction, migrations. The store's worker runs it on a file, `testing/memory-store.ts` and the simulator in memory.
 */
import { createHash } from 'node:crypto';
import type { Row, SqlValue, Statement, WriteResult } from './port.ts';
import { Connection } from './sqlite-connection.ts';
import { type Failure, failureOf, isIndexFault, StoreFailure } from './sqlite-failure.ts';

export type Write = readonly Statement[];
export type Outcome = { readonly results: readonly WriteResult[] } | { readonly failure: Failure };

export interface EngineConfig {
  /** A path, or `:memory:`. */
  readonly file: string;
  /** Taken when the file holds no store yet. */
  readonly newStoreId: string;
  /** Greatest size of the main file; 0: what the disk has. */
  readonly maxBytes?: number;
  /** What `image()` of another gave: the database starts as that one was. In memory only. */
  readonly image?: Uint8Array;
}

/** "P2P" and the form of the tables below: of a store, not of what its owners keep. */
const APPLICATION_ID = 0x50_32_50_01;
/** Between two commits a transaction may not end early, nor the connection change its ways. */
const FORBIDDEN = /^\s*(begin|commit|end|rollback|savepoint|release|attach|detach|vacuum|pragma)\b/i;

/** Of a run: should they not help, they are not made for ever. */
const MAX_RENEWALS = 16;

export class Engine implements Disposable {
  readonly storeId: string;
  readonly #connection: Connection;
  readonly #file: string;
  #commits: number;
  /** After it nothing is believed, as a commit that seems to succeed. */
  #fatal: Failure | undefined;
  #renewals = 0;

  constructor({ file, newStoreId, maxBytes = 0, image }: EngineConfig) {
    this.#file = file;
    this.#connection = new Connection({ file });
    try {
      if (image) this.#connection.database.deserialize(image);
      this.#prepareDatabase(newStoreId, maxBytes);
      const rows = this.#connection.all<{ store_id: string; commits: number }>('SELECT * FROM _p2pos_store');
      if (!rows[0])
        throw new StoreFailure({ code: 'STORE_CORRUPT', details: { file, reason: 'it has no id' } });
      this.storeId = rows[0].store_id;
      this.#commits = rows[0].commits;
    } catch (error) {
      this.#connection[Symbol.dispose]();
      throw error;
    }
  }

  get commits(): number {
    return this.#commits;
  }

  /** One transaction for all; when it cannot commit as a whole, each write gets one of its own. */
  commit(writes: readonly Write[]): Outcome[] {
    const outcomes: Outcome[] = [];
    const fatal = this.#fatal;
    if (fatal) return writes.map(() => ({ failure: fatal }));
    let begun = false;
    try {
      this.#connection.run('BEGIN IMMEDIATE');
      begun = true;
      for (const write of writes) outcomes.push(this.#apply(write));
      this.#end(outcomes.some((outcome) => 'results' in outcome));
      return outcomes;
    } catch (error) {
      this.#rollBack();
      if (isIndexFault(error) && this.#renewIndexes()) return this.commit(writes);
      const failure = this.#failure(error);
      // Each would wait as long for its own beginning.
      if (writes.length === 1 || failure.fatal || !begun) return writes.map(() => ({ failure }));
      return writes.flatMap((write) => this.commit([write]));
    }
  }

  read<R extends Row>(sql: string, params: readonly SqlValue[] = []): R[] {
    return this.#connection.all<R>(sql, params);
  }

  /** The whole database, as a file would hold it. */
  image(): Uint8Array {
    return this.#connection.database.serialize();
  }

  /** All migrations that `owner` has not had, in one transaction. */
  migrate(owner: string, migrations: readonly string[]): void {
    if (this.#fatal) throw new StoreFailure(this.#fatal);
    const applied = this.read<{ number: number; checksum: string }>(
      'SELECT number, checksum FROM _p2pos_migrations WHERE owner = ? ORDER BY number',
      [owner],
    );
    if (applied.length > migrations.length) {
      throw new StoreFailure({
        code: 'STORE_TOO_NEW',
        details: { file: this.#file, owner, found: applied.length, known: migrations.length },
      });
    }
    for (const [index, { checksum }] of applied.entries()) {
      if (checksum !== checksumOf(migrations[index] as string)) {
        throw migrationFailure(owner, index + 1, 'its text differs from the one that was applied');
      }
    }
    if (applied.length === migrations.length) return;
    let number = applied.length;
    try {
      this.#connection.run('BEGIN IMMEDIATE');
      for (const sql of migrations.slice(applied.length)) {
        number++;
        this.#connection.database.exec(sql);
        if (!this.#connection.database.isTransaction) throw new Error('it ended its transaction');
        this.#connection.run('INSERT INTO _p2pos_migrations VALUES (?, ?, ?)', [
          owner,
          number,
          checksumOf(sql),
        ]);
      }
      this.#end(true);
    } catch (error) {
      this.#rollBack();
      const failure = this.#failure(error);
      if (failure.code !== 'STORE_FAILED' || failure.fatal) throw error;
      throw migrationFailure(owner, number, String(failure.details['reason']));
    }
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  #apply(write: Write): Outcome {
    const alone = write.length === 1;
    if (!alone) this.#connection.run('SAVEPOINT one_write');
    try {
      const results = write.map(({ sql, params }) => {
        if (FORBIDDEN.test(sql)) throw new Error(`a write may not hold ${sql.trim().split(/\s/, 1)[0]}`);
        return { changes: this.#connection.run(sql, params) };
      });
      if (!alone) this.#connection.run('RELEASE one_write');
      return { results };
    } catch (error) {
      // A full disk and a few other errors end the whole transaction; after damage a savepoint proves nothing.
      // The caller then starts over, one write at a time.
      const failure = failureOf(error, this.#file);
      const isOver = !this.#connection.database.isTransaction || failure.code === 'STORE_CORRUPT';
      if (isOver || failure.fatal) throw error;
      if (!alone) {
        this.#connection.run('ROLLBACK TO one_write');
        this.#connection.run('RELEASE one_write');
      }
      return { failure };
    }
  }

  /**
   * Where a bit has flipped in a column that is in an index, SQLite deletes and changes the row no more, which nobody could
   * mend then. False: it cannot be done, or did not help.
   */
  #renewIndexes(): boolean {
    if (this.#renewals++ >= MAX_RENEWALS) return false;
    const { database } = this.#connection;
    try {
      // In memory they might not find room.
      database.exec('PRAGMA temp_store = FILE; BEGIN IMMEDIATE; REINDEX');
    } catch {
      this.#rollBack();
      database.exec('PRAGMA temp_store = MEMORY');
      return false;
    }
    try {
      database.exec('COMMIT; PRAGMA temp_store = MEMORY');
      return true;
    } catch (error) {
      this.#rollBack();
      this.#failure(error);
      return false;
    }
  }

  #end(changed: boolean): void {
    if (!changed) {
      this.#connection.run('ROLLBACK');
      return;
    }
    this.#connection.run('UPDATE _p2pos_store SET commits = commits + 1');
    this.#connection.run('COMMIT');
    this.#commits++;
  }

  #failure(error: unknown): Failure {
    const failure = failureOf(error, this.#file);
    if (failure.fatal) this.#fatal = failure;
    return failure;
  }

  #rollBack(): void {
    if (this.#connection.database.isTransaction) this.#connection.run('ROLLBACK');
  }

  #prepareDatabase(newStoreId: string, maxBytes: number): void {
    const { database } = this.#connection;
    const isNew = this.#pragma('schema_version') === 0;
    if (!isNew) this.#checkForm(this.#pragma('application_id'));
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA fullfsync = ON;
      PRAGMA checkpoint_fullfsync = ON;
      PRAGMA cell_size_check = ON;
      PRAGMA trusted_schema = OFF;
      PRAGMA temp_store = MEMORY;
      PRAGMA journal_size_limit = 67108864;
      PRAGMA wal_autocheckpoint = 4000;
    `);
    if (isNew) this.#createTables(newStoreId);
    if (maxBytes > 0) {
      const pages = Math.max(1, Math.floor(maxBytes / this.#pragma('page_size')));
      database.exec(`PRAGMA max_page_count = ${pages}`);
    }
  }

  #checkForm(id: number): void {
    if (id === APPLICATION_ID) return;
    const file = this.#file;
    const newer = id >> 8 === APPLICATION_ID >> 8;
    throw new StoreFailure(
      newer
        ? {
            code: 'STORE_TOO_NEW',
            details: { file, owner: 'the store', found: id & 0xff, known: APPLICATION_ID & 0xff },
          }
        : { code: 'STORE_CORRUPT', details: { file, reason: "it is another program's database" } },
    );
  }

  #createTables(newStoreId: string): void {
    const { database } = this.#connection;
    database.exec(`
      BEGIN IMMEDIATE;
      PRAGMA application_id = ${APPLICATION_ID};
      CREATE TABLE _p2pos_store (store_id TEXT NOT NULL, commits INTEGER NOT NULL);
      CREATE TABLE _p2pos_migrations (owner TEXT NOT NULL, number INTEGER NOT NULL, checksum TEXT NOT NULL, PRIMARY KEY (owner, number));
    `);
    this.#connection.run('INSERT INTO _p2pos_store VALUES (?, 0)', [newStoreId]);
    this.#connection.run('COMMIT');
  }

  #pragma(name: string): number {
    const row = this.#connection.database.prepare(`PRAGMA ${name}`).get();
    return Number(row?.[name]);
  }
}

function checksumOf(sql: string): string {
  return createHash('sha256').update(sql).digest('hex');
}

function migrationFailure(owner: string, number: number, reason: string): StoreFailure {
  return new StoreFailure({
    code: 'STORE_FAILED',
    details: { reason: `migration ${number} of ${owner} failed and nothing was changed: ${reason}` },
  });
}
