/**
 * What a statement is and whether it may run at all, known from its text: the same answer for every engine. The engines
 * have walls of their own behind it.
 */
import { P2posError, type SqlParams } from '@p2pos/protocol';
import { isWord, splitStatements, type Token, tokensOf } from './tokens.ts';

export interface Examined {
  /** The one statement, without what comes before and after it. */
  readonly sql: string;
  readonly reads: boolean;
  /** SELECT, INSERT, UPDATE, DELETE, REPLACE, VALUES, CREATE, DROP, ALTER, REINDEX, ANALYZE, EXPLAIN. */
  readonly verb: string;
  readonly returning: boolean;
  /** What in it gives another result each time it runs: `random()`, `CURRENT_TIMESTAMP`, …; undefined: nothing. */
  readonly chance: string | undefined;
  /** It reckons with dates, so a parameter `now` would be chance. */
  readonly dates: boolean;
  /** What the statement asks about the one before it, `changes()`. */
  readonly looksBack: boolean;
  readonly wanted: Wanted;
  /** Of the service itself, on its own tables. */
  readonly trusted?: boolean;
}

/** Parameters: how many by position, or which by name. */
interface Wanted {
  readonly count: number;
  readonly names: readonly string[];
}

/** Tables of the service itself begin with it. */
export const RESERVED_PREFIX = '_p2pos_';

const READS = new Set(['SELECT', 'VALUES', 'EXPLAIN']);
const DML = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE']);
const DDL = new Set(['CREATE', 'DROP', 'ALTER', 'REINDEX', 'ANALYZE']);
const REFUSED: Readonly<Record<string, string>> = {
  BEGIN: 'transactions are made by the operation transaction, not by BEGIN',
  COMMIT: 'transactions are made by the operation transaction, not by COMMIT',
  END: 'transactions are made by the operation transaction, not by END',
  ROLLBACK: 'transactions are made by the operation transaction, not by ROLLBACK',
  SAVEPOINT: 'transactions are made by the operation transaction, not by SAVEPOINT',
  RELEASE: 'transactions are made by the operation transaction, not by RELEASE',
  ATTACH: 'a statement reaches no other database, so there is no ATTACH',
  DETACH: 'a statement reaches no other database, so there is no DETACH',
  PRAGMA: 'pragmas are set by the system; what a database holds is told by its schema',
  VACUUM: 'the system decides when files are compacted, so there is no VACUUM',
};
const REFUSED_FUNCTIONS = new Set(['LOAD_EXTENSION', 'FTS3_TOKENIZER', 'READFILE', 'WRITEFILE', 'EDIT']);
const DATE_FUNCTIONS = new Set([
  'DATE',
  'TIME',
  'DATETIME',
  'JULIANDAY',
  'UNIXEPOCH',
  'STRFTIME',
  'TIMEDIFF',
]);
const CURRENT = new Set(['CURRENT_TIMESTAMP', 'CURRENT_DATE', 'CURRENT_TIME']);

const MAX_CACHED = 1_000;
const MAX_CACHED_LENGTH = 4_096;
const cache = new Map<string, Examined>();

/** @throws P2posError SQL_REFUSED, SQL_SYNTAX */
export function examine(sql: string): Examined {
  const known = cache.get(sql);
  if (known) return known;
  const examined = look(sql);
  if (sql.length <= MAX_CACHED_LENGTH) {
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(sql, examined);
  }
  return examined;
}

/** A statement of the service itself. */
export function trust(sql: string, verb: 'SELECT' | 'INSERT' | 'CREATE' | 'DELETE'): Examined {
  const plain = { returning: false, chance: undefined, dates: false, looksBack: false };
  return { sql, verb, reads: verb === 'SELECT', ...plain, wanted: wantedBy(tokensOf(sql)), trusted: true };
}

/** @throws P2posError SQL_REFUSED, SQL_SYNTAX */
function look(sql: string): Examined {
  if (sql.includes('\0')) throw refused('it holds a NUL character; pass such text as a parameter');
  if (!sql.isWellFormed()) throw refused('it is not well-formed Unicode');
  const [statement, second] = splitStatements(sql);
  if (!statement) throw refused('it is empty');
  if (second) throw refused('it is more than one statement; send several as a transaction');
  const { text, tokens } = statement;
  const explained = isWord(tokens[0], 'EXPLAIN');
  const verb = verbOf(explained ? tokens.slice(1) : tokens);
  checkNames(tokens);
  checkTemporary(verb, tokens);
  return {
    sql: text,
    verb: explained ? 'EXPLAIN' : verb,
    reads: explained || READS.has(verb),
    returning: DML.has(verb) && tokens.some((token) => isWord(token, 'RETURNING')),
    chance: chanceIn(tokens),
    dates: tokens.some((token, at) => isCall(tokens, at) && DATE_FUNCTIONS.has(token.text.toUpperCase())),
    looksBack: tokens.some(
      (token, at) => isCall(tokens, at) && ['CHANGES', 'TOTAL_CHANGES'].includes(token.text.toUpperCase()),
    ),
    wanted: wantedBy(tokens),
  };
}

function verbOf(tokens: readonly Token[]): string {
  const first = isWord(tokens[0], 'QUERY') ? tokens[2] : tokens[0];
  const word = first?.kind === 'word' ? first.text : '';
  const reason = REFUSED[word];
  if (reason !== undefined) throw refused(reason);
  if (READS.has(word) || DML.has(word) || DDL.has(word)) return word;
  if (word !== 'WITH')
    throw new P2posError('SQL_SYNTAX', { reason: `it begins with ${quoted(first)}`, database: 'NAME' });
  let depth = 0;
  for (const { kind, text } of tokens) {
    if (kind === 'mark' && text === '(') depth += 1;
    if (kind === 'mark' && text === ')') depth -= 1;
    if (kind === 'word' && depth === 0 && (READS.has(text) || DML.has(text))) return text;
  }
  throw new P2posError('SQL_SYNTAX', { reason: 'nothing follows its WITH', database: 'NAME' });
}

/** Quoted or not: SQLite takes even text in single quotes for a name. */
function checkNames(tokens: readonly Token[]): void {
  for (const [at, { kind, text }] of tokens.entries()) {
    if (kind === 'mark' || kind === 'number' || kind === 'variable') continue;
    if (text.toLowerCase().startsWith(RESERVED_PREFIX))
      throw refused(
        `names that begin with ${RESERVED_PREFIX} belong to the system; pass such text as a parameter`,
      );
    if (isCall(tokens, at) && REFUSED_FUNCTIONS.has(text.toUpperCase()))
      throw refused(`the function ${text.toLowerCase()} reaches beyond the database`);
  }
}

function checkTemporary(verb: string, tokens: readonly Token[]): void {
  const temporary = tokens.some(
    ({ kind, text }, at) =>
      (verb === 'CREATE' && at < 4 && kind === 'word' && (text === 'TEMP' || text === 'TEMPORARY')) ||
      (kind !== 'text' && /^temp$/i.test(text) && tokens[at + 1]?.text === '.'),
  );
  if (temporary)
    throw refused(
      'temporary tables would be seen by other clients; use an ordinary one, or WITH within the statement',
    );
}

function isCall(tokens: readonly Token[], at: number): boolean {
  const { kind } = tokens[at] as Token;
  const next = tokens[at + 1];
  return (kind === 'word' || kind === 'name') && next?.kind === 'mark' && next.text === '(';
}

function chanceIn(tokens: readonly Token[]): string | undefined {
  for (const [at, { kind, text }] of tokens.entries()) {
    if (kind === 'word' && CURRENT.has(text)) return text;
    if (!isCall(tokens, at)) continue;
    const name = text.toUpperCase();
    if (name === 'RANDOM' || name === 'RANDOMBLOB') return `${name.toLowerCase()}()`;
    if (DATE_FUNCTIONS.has(name) && readsTheClock(tokens, at)) return `${name.toLowerCase()}() of now`;
  }
  return undefined;
}

/** Without arguments (strftime: but the format), or with the text `now` among them. */
function readsTheClock(tokens: readonly Token[], at: number): boolean {
  const isFormat = tokens[at]?.text.toUpperCase() === 'STRFTIME';
  let depth = 0;
  let commas = 0;
  let size = 0;
  for (const { kind, text } of tokens.slice(at + 1)) {
    if (kind === 'mark' && text === '(') depth += 1;
    else if (kind === 'mark' && text === ')') depth -= 1;
    else size += 1;
    if (depth === 0) break;
    if (kind === 'mark' && text === ',' && depth === 1) commas += 1;
    if ((kind === 'text' || kind === 'name') && text.trim().toLowerCase() === 'now') return true;
  }
  return size === 0 || (isFormat && commas === 0);
}

function wantedBy(tokens: readonly Token[]): Wanted {
  const names = new Set<string>();
  let count = 0;
  for (const { kind, text } of tokens) {
    if (kind !== 'variable') continue;
    if (text === '?') count += 1;
    else if (text[0] === '?') count = Math.max(count, Number(text.slice(1)));
    else names.add(text.slice(1));
  }
  return { count, names: [...names] };
}

/** Before it reaches an engine, where what is missing would be NULL without a word. @throws P2posError SQL_PARAMS_INVALID */
export function checkParams({ wanted }: Examined, params: SqlParams = []): void {
  const fail = (reason: string) => {
    throw new P2posError('SQL_PARAMS_INVALID', { reason });
  };
  if (wanted.count > 0 && wanted.names.length > 0) fail('the statement mixes ? and names; use one of them');
  if (Array.isArray(params)) {
    if (wanted.names.length > 0 && params.length === 0)
      fail(`the statement wants values for ${wanted.names.join(', ')}`);
    if (wanted.names.length > 0)
      fail('the statement names its parameters, so give them as an object by name');
    if (params.length !== wanted.count)
      fail(`the statement wants ${wanted.count} values, ${params.length} were given`);
    return;
  }
  if (wanted.count > 0) fail('the statement has parameters by position, so give them as an array');
  const missing = wanted.names.filter((name) => !Object.hasOwn(params, name));
  if (missing.length > 0) fail(`values are missing for ${missing.join(', ')}`);
  const unknown = Object.keys(params).filter((name) => !wanted.names.includes(name));
  if (unknown.length > 0) fail(`the statement has no parameter ${unknown.join(', ')}`);
}

/** Whether a parameter makes date functions read the clock. */
export function asksForNow({ dates }: Examined, params: SqlParams = []): boolean {
  const isNow = (value: unknown) => typeof value === 'string' && value.trim().toLowerCase() === 'now';
  return dates && Object.values(params).some(isNow);
}

function refused(reason: string): P2posError {
  return new P2posError('SQL_REFUSED', { reason });
}

function quoted(token: Token | undefined): string {
  return token ? JSON.stringify(token.text.slice(0, 32)) : 'nothing';
}
