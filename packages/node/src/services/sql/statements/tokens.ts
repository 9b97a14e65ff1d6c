/** SQL text cut into tokens as SQLite cuts it (https://sqlite.org/lang_expr.html); enough to know what a statement is. */

export type TokenKind = 'word' | 'name' | 'text' | 'number' | 'variable' | 'mark';

export interface Token {
  readonly kind: TokenKind;
  /** Of a word in upper case; of a quoted name or text what is between the quotes. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** One alternative per kind; what none matches is one mark. Comments and blanks match the first two. */
const PATTERN =
  /\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[xX]'[^']*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\?\d*|[:@$#](?:[\w$\u0080-\uffff]|::)+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?|0[xX][\da-fA-F]+|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|./gsy;

export function tokensOf(sql: string): Token[] {
  const tokens: Token[] = [];
  PATTERN.lastIndex = 0;
  for (let match = PATTERN.exec(sql); match; match = PATTERN.exec(sql)) {
    const [text] = match;
    const token = tokenOf(text, match.index);
    if (token) tokens.push(token);
  }
  return tokens;
}

function tokenOf(text: string, start: number): Token | undefined {
  const end = start + text.length;
  const first = text[0] as string;
  if (/\s/.test(first) || text.startsWith('--') || text.startsWith('/*')) return undefined;
  if (/^[xX]'/.test(text)) return { kind: 'number', text, start, end };
  if (text.length > 1 && first === "'") return { kind: 'text', text: unquoted(text, "'"), start, end };
  if (text.length > 1 && (first === '"' || first === '`'))
    return { kind: 'name', text: unquoted(text, first), start, end };
  if (text.length > 1 && first === '[') return { kind: 'name', text: text.slice(1, -1), start, end };
  if (first === '?' || (text.length > 1 && ':@$#'.includes(first)))
    return { kind: 'variable', text, start, end };
  if (/^(?:\d|\.\d)/.test(text)) return { kind: 'number', text, start, end };
  if (/^[\w\u0080-\uffff]/.test(first)) return { kind: 'word', text: text.toUpperCase(), start, end };
  return { kind: 'mark', text, start, end };
}

function unquoted(text: string, quote: string): string {
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}

/**
 * The statements of a script, without the semicolons between them. One within a trigger's body does not end it: as in
 * sqlite3_complete, CREATE [TEMP] TRIGGER runs to `; END`.
 */
export function splitStatements(sql: string): { readonly text: string; readonly tokens: readonly Token[] }[] {
  const statements: { text: string; tokens: Token[] }[] = [];
  let current: Token[] = [];
  const close = (end: number) => {
    const first = current[0];
    if (first) statements.push({ text: sql.slice(first.start, end), tokens: current });
    current = [];
  };
  for (const token of tokensOf(sql)) {
    const ends = token.kind === 'mark' && token.text === ';' && !withinTrigger(current);
    if (ends) close(token.start);
    else current.push(token);
  }
  close(current.at(-1)?.end ?? 0);
  return statements;
}

function withinTrigger(tokens: readonly Token[]): boolean {
  if (!isWord(tokens[0], 'CREATE')) return false;
  const kind = isWord(tokens[1], 'TEMP') || isWord(tokens[1], 'TEMPORARY') ? tokens[2] : tokens[1];
  if (!isWord(kind, 'TRIGGER')) return false;
  const before = tokens.at(-2);
  return !(isWord(tokens.at(-1), 'END') && before?.kind === 'mark' && before.text === ';');
}

export function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text === word;
}
