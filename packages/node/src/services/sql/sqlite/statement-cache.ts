/** Prepared statements of one connection, the latest used. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

export interface Prepared {
  readonly statement: StatementSync;
  /** Whether it gives rows. */
  readonly gives: boolean;
}

const MAX_STATEMENTS = 256;
const MAX_LENGTH = 16_384;

export function createStatementCache(db: DatabaseSync): (sql: string) => Prepared {
  const cache = new Map<string, Prepared>();
  return (sql) => {
    const known = cache.get(sql);
    if (known) {
      cache.delete(sql);
      cache.set(sql, known);
      return known;
    }
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    statement.setReadBigInts(true);
    const prepared = { statement, gives: statement.columns().length > 0 };
    if (sql.length > MAX_LENGTH) return prepared;
    cache.set(sql, prepared);
    const [oldest] = cache.keys();
    if (cache.size > MAX_STATEMENTS && oldest !== undefined) cache.delete(oldest);
    return prepared;
  };
}
