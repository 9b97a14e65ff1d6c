/** What may follow in a line: keywords, tables, the columns of those that the line names, and the shell's own commands. */
import type { SqlSchema } from '@p2pos/protocol';

export const COMMANDS = ['.exit', '.help', '.mode', '.rows', '.schema', '.tables', '.timer'];
const KEYWORDS =
  'ALTER AND AS ASC BETWEEN BY CASE CAST COLUMN CREATE DEFAULT DELETE DESC DISTINCT DROP ELSE END EXCEPT EXISTS EXPLAIN FROM FULL GLOB GROUP HAVING IN INDEX INNER INSERT INTERSECT INTO IS JOIN KEY LEFT LIKE LIMIT NOT NULL OFFSET ON OR ORDER OUTER PRIMARY RECURSIVE REFERENCES REPLACE RETURNING SELECT SET TABLE THEN TRIGGER UNION UNIQUE UPDATE USING VALUES VIEW WHEN WHERE WITH'.split(
    ' ',
  );
const FUNCTIONS =
  'abs( avg( coalesce( count( date( datetime( group_concat( hex( ifnull( iif( json_extract( length( lower( max( min( printf( quote( replace( round( substr( sum( trim( typeof( upper('.split(
    ' ',
  );
/** After these a table follows. */
const TABLE_FOLLOWS = /\b(?:from|join|into|update|table)\s+$/i;
const MAX_FOUND = 200;

/** As readline wants it: what the last word may become, and the last word. */
export function complete(line: string, { tables }: SqlSchema): [string[], string] {
  if (/^\s*\.\w*$/.test(line)) {
    const word = line.trim();
    return [COMMANDS.filter((command) => command.startsWith(word)), word];
  }
  const [word = ''] = /[\w.]*$/.exec(line) ?? [];
  const before = line.slice(0, line.length - word.length);
  const names = tables.map(({ name }) => name);
  if (/^\s*\.schema\s+$/.test(before) || TABLE_FOLLOWS.test(before)) return [beginning(word, names), word];
  const [of, column] = word.includes('.') ? word.split('.', 2) : [undefined, word];
  if (of !== undefined) {
    const table = tables.find(({ name }) => name.toLowerCase() === of.toLowerCase());
    const columns = (table?.columns ?? []).map(({ name }) => `${of}.${name}`);
    return [beginning(`${of}.${column ?? ''}`, columns), word];
  }
  const named = tables.filter(({ name }) => new RegExp(`\\b${escaped(name)}\\b`, 'i').test(line));
  const columns = (named.length > 0 ? named : tables).flatMap(({ columns: all }) =>
    all.map(({ name }) => name),
  );
  if (word === '' && named.length > 0) return [beginning('', columns), ''];
  const isLower = word !== '' && word === word.toLowerCase();
  const keywords = KEYWORDS.map((keyword) => (isLower ? keyword.toLowerCase() : keyword));
  return [beginning(word, [...columns, ...names, ...keywords, ...FUNCTIONS]), word];
}

function beginning(word: string, candidates: readonly string[]): string[] {
  const wanted = word.toLowerCase();
  const found = candidates.filter((candidate) => candidate.toLowerCase().startsWith(wanted));
  return [...new Set(found)].slice(0, MAX_FOUND);
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
