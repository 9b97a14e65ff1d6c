/**
 * SQL (D1–D4): databases of an app, each on one node (`sqlite`) or on voters that survive each other (`rqlite`), asked
 * through any node.
 *
 * Promises: an acknowledged write is on disk, with `rqlite` on a majority of the voters; a request is done as a whole or
 * not at all, and once, however often it is repeated under its key; no statement reaches beyond its database; one that
 * takes too long or too much is ended alone. DESIGN.md names the test of each.
 *
 * @example
 * await using sql = createSql({ self, rpc, records, membership, presence, crypto, clock, random, log, shelf }, config);
 * await sql.create({ app: 'default', name: 'shop' });
 * await sql.execute({ app: 'default', name: 'shop', sql: 'CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT)' });
 * await sql.query({ app: 'default', name: 'shop', sql: 'SELECT * FROM orders WHERE id = ?', params: [1] });
 */

export { createSqlHandlers, createSqlStreams } from './routes.ts';
export { createRqlite } from './rqlite/opening.ts';
export { createShelf, type Shelf } from './shelf.ts';
export { createSql, type Sql, type SqlConfig } from './sql.ts';
export { createSqliteProcess } from './sqlite/process.ts';
