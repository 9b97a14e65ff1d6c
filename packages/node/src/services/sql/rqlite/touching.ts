/**
 * Which tables a statement reads, and which a change of one table may change as well: by triggers, views and foreign keys.
 * Of what is read SQLite's own program tells exactly; of changes the schema tells rather too much than too little.
 */
import type { SqlValue } from '@p2pos/protocol';
import { isWord, type Token, tokensOf } from '../statements/tokens.ts';

/** Of everything that is made of tables. */
export const SCHEMA = 'SELECT rootpage, tbl_name, type, name, sql FROM sqlite_master';

type Rows = readonly (readonly SqlValue[])[];
const lower = (value: SqlValue | undefined) => String(value ?? '').toLowerCase();

/** @param program rows of EXPLAIN: addr, opcode, p1, p2, … (https://sqlite.org/opcode.html) */
export function readBy(
  program: Rows,
  schema: Rows,
): { readonly tables: ReadonlySet<string>; readonly isVirtual: boolean } {
  const roots = new Map(schema.map(([page, table]) => [Number(page), lower(table)]));
  const tables = new Set<string>();
  let isVirtual = false;
  for (const [, opcode, , page] of program) {
    if (opcode === 'OpenRead' || opcode === 'ReopenIdx')
      tables.add(roots.get(Number(page)) ?? `page ${page}`);
    if (opcode === 'VOpen') isVirtual = true;
  }
  return { tables, isVirtual };
}

/** The table of an INSERT, REPLACE, UPDATE or DELETE. */
export function targetOf(sql: string): string | undefined {
  const tokens = tokensOf(sql);
  const at = mainVerb(tokens);
  const isUpdate = isWord(tokens[at], 'UPDATE');
  const marks = isUpdate
    ? [tokens[at]]
    : tokens.slice(at).filter((token) => isWord(token, 'INTO') || isWord(token, 'FROM'));
  let place = tokens.indexOf(marks[0] as Token) + 1;
  if (isUpdate && isWord(tokens[place], 'OR')) place += 2;
  if (tokens[place + 1]?.text === '.') place += 2;
  return tokens[place]?.text.toLowerCase();
}

/** Behind the WITH, where there is one. */
function mainVerb(tokens: readonly Token[]): number {
  let depth = 0;
  return tokens.findIndex((token) => {
    if (token.kind === 'mark') depth += token.text === '(' ? 1 : token.text === ')' ? -1 : 0;
    return depth === 0 && ['INSERT', 'REPLACE', 'UPDATE', 'DELETE'].some((verb) => isWord(token, verb));
  });
}

/** Undefined: there is no such table. */
export function changedWith(
  target: string,
  schema: Rows,
): { readonly tables: ReadonlySet<string>; readonly isVirtual: boolean } | undefined {
  const made = schema.map(([, table, type, name, sql]) => ({
    table: lower(table),
    type: lower(type),
    name: lower(name),
    words: new Set(tokensOf(String(sql ?? '')).map(({ text }) => text.toLowerCase())),
  }));
  const own = made.filter(({ type }) => type === 'table' || type === 'view');
  if (!own.some(({ name }) => name === target)) return undefined;
  const tables = new Set([target]);
  let isVirtual = false;
  for (const table of tables) {
    for (const { type, table: on, name, words } of made) {
      if (type === 'trigger' && on === table)
        for (const { name: other } of own) if (words.has(other)) tables.add(other);
      if (type === 'table' && words.has('references') && words.has(table)) tables.add(name);
      if (type === 'table' && name === table && words.has('virtual')) {
        isVirtual = true;
        for (const { name: other } of own) if (other.startsWith(`${table}_`)) tables.add(other);
      }
    }
  }
  return { tables, isVirtual };
}
