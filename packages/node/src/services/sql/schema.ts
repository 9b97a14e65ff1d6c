/** The tables of a database, read by ordinary queries, so that every engine gives them alike. */
import type { SqlSchema, SqlValue } from '@p2pos/protocol';
import type { RowSet } from './engine.ts';
import { RESERVED_PREFIX } from './statements/examination.ts';

export const TABLES =
  "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('table', 'view', 'index') ORDER BY rowid";
export const COLUMNS =
  "SELECT m.name, c.name, c.type, c.\"notnull\", c.pk, c.dflt_value FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type IN ('table', 'view') ORDER BY m.rowid, c.cid";

const text = (value: SqlValue | undefined): string => String(value ?? '');
const textOrNull = (value: SqlValue | undefined): string | null =>
  value === null || value === undefined ? null : String(value);

export function schemaOf(tables: RowSet, columns: RowSet): SqlSchema {
  const isOwn = (name: SqlValue | undefined) =>
    text(name).startsWith(RESERVED_PREFIX) || text(name).startsWith('sqlite_');
  const indexes = tables.rows.filter(([type, , table]) => type === 'index' && !isOwn(table));
  return {
    tables: tables.rows
      .filter(([type, name]) => type !== 'index' && !isOwn(name))
      .map(([type, name, , sql]) => ({
        name: text(name),
        kind: type === 'view' ? ('view' as const) : ('table' as const),
        sql: textOrNull(sql),
        columns: columns.rows
          .filter(([table]) => table === name)
          .map(([, column, kind, notNull, primaryKey, fallback]) => ({
            name: text(column),
            type: text(kind),
            notNull: Number(notNull) === 1,
            primaryKey: Number(primaryKey),
            default: textOrNull(fallback),
          })),
        indexes: indexes
          .filter(([, , table]) => table === name)
          .map(([, index, , indexSql]) => ({ name: text(index), sql: textOrNull(indexSql) })),
      })),
  };
}
