/** Raw node:sqlite, with the settings that the engine uses, in this process: nothing around it. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';

export interface RawSqlite extends AsyncDisposable {
  /** Durable single-row inserts a second, so many in each transaction. */
  insertsPerSecond(batch: number, seconds: number): number;
}

export async function openRawSqlite(): Promise<RawSqlite> {
  const folder = await createTempFolder();
  const db = new DatabaseSync(join(folder.path, 'raw.sqlite'));
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, body TEXT)',
  );
  const insert = db.prepare('INSERT INTO t (n, body) VALUES (?, ?)');
  const body = 'x'.repeat(100);
  return {
    insertsPerSecond(batch, seconds) {
      const started = performance.now();
      let count = 0;
      while (performance.now() - started < seconds * 1_000) {
        db.exec('BEGIN IMMEDIATE');
        for (let i = 0; i < batch; i++) insert.run(count + i, body);
        db.exec('COMMIT');
        count += batch;
      }
      return (count * 1_000) / (performance.now() - started);
    },
    async [Symbol.asyncDispose]() {
      db.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}
