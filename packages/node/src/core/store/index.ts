/**
 * One node's disk: SQLite in WAL mode with `synchronous=FULL`; writes run in a thread of their own, commits grouped.
 * A promise returned by `write` resolves only after the transaction that holds it was synced to the disk.
 *
 * @example
 * await using store = await openStore({ random, log }, { folder: '/var/lib/p2pos/data' });
 * await store.migrate('notes', ['CREATE TABLE notes (id TEXT PRIMARY KEY, body BLOB NOT NULL)']);
 * await store.write([{ sql: 'INSERT INTO notes VALUES (?, ?)', params: ['a', bytes] }]);
 * const rows = await store.read('SELECT body FROM notes WHERE id = ?', ['a']);
 */
export { type DiskStore, openStore, type StoreConfig, type StoreDeps } from './open-store.ts';
export type { Row, SqlValue, Statement, Store, StorePosition, WriteResult } from './port.ts';
