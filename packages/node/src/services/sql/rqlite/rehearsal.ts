/**
 * A write is an entry of the log, which every voter runs to its end: one without end would hold its database up for ever, and
 * again after each restart. So what a write reads by queries of its own is read before it is sent, where time is limited.
 */
import type { SqlValue } from '@p2pos/protocol';
import type { Statement } from '../engine.ts';
import type { Examined } from '../statements/examination.ts';
import { isWord, type Token, tokensOf } from '../statements/tokens.ts';

interface Cut {
  readonly sql: string;
  /** With `depth`, of the parentheses around it. */
  readonly tokens: readonly (Token & { readonly depth: number })[];
  /** Where its verb is, behind a WITH. */
  readonly verbAt: number;
}

const QUERIES = ['SELECT', 'WITH'];
const VERBS = ['INSERT', 'REPLACE', 'UPDATE', 'DELETE'];

interface Rehearsal {
  readonly examined: Examined;
  /** How many of the values by position it takes. */
  readonly values: number;
}

/** Of the statements that are kept by their text. */
const known = new WeakMap<Examined, Rehearsal | 'none'>();

/** What a statement reads, as one read; undefined: nothing that could take long. */
export function rehearsalOf({ examined, params }: Statement): Statement | undefined {
  let found = known.get(examined);
  if (!found) {
    found = rehearse(examined) ?? 'none';
    known.set(examined, found);
  }
  if (found === 'none') return undefined;
  const values = Array.isArray(params) ? (params as readonly SqlValue[]).slice(0, found.values) : params;
  return { examined: found.examined, params: values };
}

function rehearse(examined: Examined): Rehearsal | undefined {
  if (examined.trusted || !/select|from/i.test(examined.sql)) return undefined;
  const cut = cutOf(examined.sql);
  const queries = queriesOf(cut, examined.verb);
  if (queries.length === 0) return undefined;
  const first = cut.tokens[cut.verbAt];
  const head = cut.verbAt > 0 && first ? cut.sql.slice(0, first.start) : '';
  const sql = `${head}SELECT ${queries.map((query) => `(${query}\n)`).join(', ')}`;
  const numbers = tokensOf(sql).map(({ kind, text }) =>
    kind === 'variable' && text[0] === '?' ? Number(text.slice(1)) : 0,
  );
  const read = { ...examined, sql, verb: 'SELECT', reads: true, returning: false };
  return { examined: read, values: Math.max(0, ...numbers) };
}

function queriesOf(cut: Cut, verb: string): string[] {
  if (verb === 'CREATE') return isWord(cut.tokens[1], 'TABLE') ? sourceOf(cut) : [];
  if (verb === 'INSERT' || verb === 'REPLACE') return sourceOf(cut);
  if (verb === 'UPDATE' || verb === 'DELETE') return rowsTouched(cut, verb);
  return [];
}

/** The SELECT of an INSERT or of CREATE TABLE AS; of `ON CONFLICT` and VALUES what stands in parentheses. */
function sourceOf(cut: Cut): string[] {
  const { tokens, sql, verbAt } = cut;
  const from = tokens.findIndex((token, at) => at > verbAt && token.depth === 0 && isAny(token, QUERIES));
  if (from < 0) return subqueries(cut, verbAt, tokens.length).map(isNull);
  const to = tokens.findIndex(
    (token, at) =>
      at > from &&
      token.depth === 0 &&
      (isWord(token, 'RETURNING') || (isWord(token, 'ON') && isWord(tokens[at + 1], 'CONFLICT'))),
  );
  const end = to < 0 ? tokens.length : to;
  const rest = subqueries(cut, end, tokens.length).map(isNull);
  return [`SELECT count(*) FROM (${textOf(sql, tokens, from, end)}\n)`, ...rest];
}

/** The rows that an UPDATE or DELETE finds, with what it asks for each of them. */
function rowsTouched(cut: Cut, verb: string): string[] {
  const { tokens, sql, verbAt } = cut;
  const at = (word: string, from: number) => {
    const found = tokens.findIndex((token, i) => i > from && token.depth === 0 && isWord(token, word));
    return found < 0 ? tokens.length : found;
  };
  const end = at('RETURNING', verbAt);
  const where = Math.min(end, at('WHERE', verbAt));
  if (verb === 'DELETE') {
    if (subqueries(cut, verbAt, end).length === 0) return [];
    return [`SELECT count(*) ${textOf(sql, tokens, at('FROM', verbAt), end)}`];
  }
  const set = at('SET', verbAt);
  const from = Math.min(where, at('FROM', set));
  const asked = subqueries(cut, set, from);
  if (asked.length === 0 && from === where && subqueries(cut, where, end).length === 0) return [];
  const target = verbAt + (isWord(tokens[verbAt + 1], 'OR') ? 3 : 1);
  const others = from < where ? `, ${textOf(sql, tokens, from + 1, where)}` : '';
  const told = ['count(*)', ...asked.map((query) => `sum((${query}\n) IS NULL)`)].join(' + ');
  return [
    `SELECT ${told} FROM ${textOf(sql, tokens, target, set)}${others} ${textOf(sql, tokens, where, end)}`,
  ];
}

/** What stands in parentheses and asks, outermost only. */
function subqueries({ tokens, sql }: Cut, from: number, to: number): string[] {
  const found: string[] = [];
  for (let at = from; at < to; at++) {
    const depth = tokens[at]?.depth ?? 0;
    if (depth === 0 || !isAny(tokens[at], QUERIES) || tokens[at - 1]?.text !== '(') continue;
    let end = at;
    while (end < to && (tokens[end]?.depth ?? 0) >= depth) end += 1;
    found.push(textOf(sql, tokens, at, end));
    at = end;
  }
  return found;
}

function isNull(query: string): string {
  return `SELECT (${query}\n) IS NULL`;
}

function isAny(token: Token | undefined, words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text);
}

function textOf(sql: string, tokens: Cut['tokens'], from: number, to: number): string {
  const [first, last] = [tokens[from], tokens[to - 1]];
  return first && last && from < to ? sql.slice(first.start, last.end) : '';
}

/** With a number for each `?`, so that parts of it may change their places. */
function cutOf(source: string): Cut {
  let sql = '';
  let [done, greatest] = [0, 0];
  for (const { kind, text, start, end } of tokensOf(source)) {
    if (kind !== 'variable' || text[0] !== '?') continue;
    greatest = Math.max(greatest, text === '?' ? greatest + 1 : Number(text.slice(1)));
    sql += `${source.slice(done, start)}${text === '?' ? `?${greatest}` : text}`;
    done = end;
  }
  sql += source.slice(done);
  let depth = 0;
  const tokens = tokensOf(sql).map((token) => {
    if (token.kind === 'mark' && token.text === ')') depth -= 1;
    const placed = { ...token, depth };
    if (token.kind === 'mark' && token.text === '(') depth += 1;
    return placed;
  });
  const begins = isWord(tokens[0], 'WITH');
  const verbAt = begins ? tokens.findIndex((token) => token.depth === 0 && isAny(token, VERBS)) : 0;
  return { sql, tokens, verbAt: Math.max(0, verbAt) };
}
