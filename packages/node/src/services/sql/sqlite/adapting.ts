/** Files of one engine made files of another: what is kept for repeats of requests has a table of its own form in each. */
import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { RowSet, StatementResult } from '../engine.ts';
import { FENCE_DOWN } from '../fence.ts';
import { NOT_KEPT, REQUESTS_BY_KEY } from './database.ts';
import { Refusal } from './failure.ts';
import { packed, unpacked } from './values.ts';

/** Without row ids, so that `last_insert_rowid()` stays the client's. */
export const REQUESTS_BY_STATEMENT = `CREATE TABLE IF NOT EXISTS _p2pos_requests (
  key TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL, at INTEGER NOT NULL,
  changes INTEGER NOT NULL, id INTEGER, returned INTEGER NOT NULL, PRIMARY KEY (key, seq)) WITHOUT ROWID`;

interface Row {
  readonly key: string;
  readonly hash: string;
  readonly at: bigint;
}
type ByKey = Row & { readonly results: string };
type ByStatement = Row & { readonly changes: bigint; readonly id: bigint | null; readonly returned: bigint };

/** @returns name and text of all that its schema is made of. @throws Refusal SQL_REFUSED */
export function adaptFile(file: string, engine: 'sqlite' | 'rqlite'): RowSet {
  const refuse = (reason: string) => new Refusal('SQL_REFUSED', { reason: `the file to restore ${reason}` });
  try {
    const db = new DatabaseSync(file, { allowExtension: false, readBigInts: true });
    try {
      const [row] = db.prepare('PRAGMA quick_check(1)').all();
      if (row?.['quick_check'] !== 'ok') throw refuse('is damaged');
      db.exec(`PRAGMA journal_mode = DELETE; PRAGMA foreign_keys = OFF; ${FENCE_DOWN}`);
      adapt(db, engine);
      const schema = db.prepare('SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL').all();
      return {
        columns: ['name', 'sql'],
        rows: schema.map(({ name, sql }) => [String(name), String(sql)]),
      };
    } finally {
      db.close();
    }
  } catch (error) {
    rmSync(file, { force: true });
    throw error instanceof Refusal ? error : refuse('is no sound SQLite file');
  }
}

function adapt(db: DatabaseSync, engine: 'sqlite' | 'rqlite'): void {
  const columns = db.prepare("SELECT name FROM pragma_table_info('_p2pos_requests')").all();
  const has = (wanted: string) => columns.some(({ name }) => name === wanted);
  if (engine === 'rqlite' && has('results')) {
    const rows = db.prepare('SELECT * FROM _p2pos_requests').all() as unknown as ByKey[];
    replace(db, REQUESTS_BY_STATEMENT);
    const note = db.prepare('INSERT INTO _p2pos_requests VALUES (?, ?, ?, ?, ?, ?, ?)');
    for (const { key, hash, at, results } of rows)
      for (const [seq, one] of ((unpacked(results) ?? []) as StatementResult[]).entries())
        note.run(key, seq, hash, at, one.changes, one.lastInsertId, one.returned ? 1 : 0);
    db.exec('COMMIT');
  }
  if (engine === 'sqlite' && has('seq')) {
    const rows = db
      .prepare('SELECT * FROM _p2pos_requests ORDER BY key, seq')
      .all() as unknown as ByStatement[];
    replace(db, REQUESTS_BY_KEY);
    const note = db.prepare('INSERT INTO _p2pos_requests VALUES (?, ?, ?, ?)');
    for (const [key, all] of Map.groupBy(rows, (row) => row.key)) {
      const [first] = all as [ByStatement];
      const results = all.map(({ changes, id }) => ({
        changes: Number(changes),
        lastInsertId: idOf(changes, id),
      }));
      const isKept = all.every(({ returned }) => returned === 0n);
      note.run(key, first.hash, first.at, isKept ? packed(results) : NOT_KEPT);
    }
    db.exec('COMMIT');
  }
}

function idOf(changes: bigint, id: bigint | null): number | bigint | null {
  if (id === null || changes === 0n) return null;
  return Number.isSafeInteger(Number(id)) ? Number(id) : id;
}

function replace(db: DatabaseSync, table: string): void {
  db.exec(`BEGIN; DROP TABLE _p2pos_requests; ${table}`);
}
