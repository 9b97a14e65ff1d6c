/**
 * The inner wall of the sqlite engine: SQLite asks it about each thing that a statement would do, when it is prepared
 * (https://sqlite.org/c3ref/set_authorizer.html). The outer one, `statements/examination.ts`, is common to all engines.
 */
import { constants } from 'node:sqlite';

const {
  SQLITE_OK,
  SQLITE_DENY,
  SQLITE_READ,
  SQLITE_SELECT,
  SQLITE_FUNCTION,
  SQLITE_RECURSIVE,
  SQLITE_PRAGMA,
  SQLITE_ALTER_TABLE,
} = constants;

const READING: ReadonlySet<number> = new Set([SQLITE_READ, SQLITE_SELECT, SQLITE_FUNCTION, SQLITE_RECURSIVE]);
const REFUSED: ReadonlyMap<number, string> = new Map([
  [constants.SQLITE_TRANSACTION, 'transactions are made by the operation transaction'],
  [constants.SQLITE_SAVEPOINT, 'transactions are made by the operation transaction'],
  [constants.SQLITE_ATTACH, 'a statement reaches no other database'],
  [constants.SQLITE_DETACH, 'a statement reaches no other database'],
  [constants.SQLITE_CREATE_TEMP_INDEX, 'there are no temporary tables'],
  [constants.SQLITE_CREATE_TEMP_TABLE, 'there are no temporary tables'],
  [constants.SQLITE_CREATE_TEMP_TRIGGER, 'there are no temporary tables'],
  [constants.SQLITE_CREATE_TEMP_VIEW, 'there are no temporary tables'],
]);
const REFUSED_FUNCTIONS = new Set(['load_extension', 'fts3_tokenizer', 'readfile', 'writefile', 'edit']);
/** What the schema is read with, and what the modules fts5 and rtree read for themselves. */
const PRAGMAS = new Set([
  'table_info',
  'table_xinfo',
  'table_list',
  'index_list',
  'index_info',
  'index_xinfo',
  'foreign_key_list',
]);
const PRAGMAS_READ = new Set(['data_version', 'page_size']);

export interface Guard {
  readonly authorize: (
    action: number,
    first: string | null,
    second: string | null,
    database: string | null,
    trigger: string | null,
  ) => number;
  /** Runs a client's statement; outside of it the service's own, which may do anything. */
  confine<T>(run: () => T): T;
  /** Why the last statement was refused; forgotten when told. */
  reason(): string | undefined;
}

export function createGuard({ readOnly }: { readonly readOnly: boolean }): Guard {
  let confined = false;
  let reason: string | undefined;

  function complaint(action: number, first: string | null, second: string | null): string | undefined {
    const refused = REFUSED.get(action);
    if (refused !== undefined) return refused;
    if (action === SQLITE_FUNCTION)
      return REFUSED_FUNCTIONS.has((second ?? '').toLowerCase())
        ? `the function ${second} reaches beyond the database`
        : undefined;
    if (action === SQLITE_PRAGMA) {
      const pragma = (first ?? '').toLowerCase();
      const known = PRAGMAS.has(pragma) || (PRAGMAS_READ.has(pragma) && second === null);
      return known ? undefined : 'pragmas are set by the system';
    }
    const table = action === SQLITE_ALTER_TABLE ? second : first;
    if (table?.toLowerCase().startsWith('_p2pos_'))
      return 'names that begin with _p2pos_ belong to the system';
    return readOnly && !READING.has(action) ? 'it would change the database' : undefined;
  }

  return {
    authorize(action, first, second) {
      if (!confined) return SQLITE_OK;
      const found = complaint(action, first, second);
      if (found === undefined) return SQLITE_OK;
      reason ??= found;
      return SQLITE_DENY;
    },
    confine(run) {
      confined = true;
      try {
        return run();
      } finally {
        confined = false;
      }
    },
    reason() {
      const told = reason;
      reason = undefined;
      return told;
    },
  };
}
