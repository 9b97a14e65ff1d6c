/** The store of the terminal client: one SQLite file, readable by its owner alone. It holds secret keys in the clear. */
import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { deserialize, serialize } from 'node:v8';
import type { Store } from '../chat/store.ts';

export function openDiskStore(file: string): Store & Disposable {
  const database = new DatabaseSync(file);
  chmodSync(file, 0o600);
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;');
  database.exec('CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID');
  const one = database.prepare('SELECT value FROM kept WHERE key = ?');
  const some = database.prepare('SELECT key, value FROM kept WHERE key >= ? AND key < ? ORDER BY key');
  const put = database.prepare('INSERT OR REPLACE INTO kept VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM kept WHERE key = ?');
  const decoded = (row: Record<string, unknown> | undefined): unknown =>
    row && deserialize(row['value'] as Uint8Array);

  return {
    get: async (key) => decoded(one.get(key)),
    list: async (prefix) =>
      some.all(prefix, `${prefix}\u{10ffff}`).map((row) => [String(row['key']), decoded(row)] as const),
    async write(changes) {
      database.exec('BEGIN IMMEDIATE');
      try {
        for (const [key, value] of changes)
          if (value === undefined) remove.run(key);
          else put.run(key, serialize(value));
        database.exec('COMMIT');
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    },
    [Symbol.dispose]: () => database.close(),
  };
}
