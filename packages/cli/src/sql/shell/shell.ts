/** `p2pctl sql shell`: statements as they are entered or read from a pipe, and their rows. */
import { isP2posError, SqlRowSet, type SqlSchema } from '@p2pos/protocol';
import type { SqlDatabaseClient } from '@p2pos/sdk';
import type { Action } from '../../action.ts';
import { EXIT, type Invocation } from '../../invocation.ts';
import { withNode } from '../../node-client.ts';
import { renderTable } from '../../table.ts';
import { formatCsv } from '../csv.ts';
import { cell } from '../statements.ts';
import { COMMANDS, complete } from './completion.ts';
import { openHistory } from './history.ts';
import { isReading, takeStatements } from './script.ts';

const HELP = `Statements end with a semicolon. Other lines:
  .tables          the tables and views
  .schema [TABLE]  what they were made by
  .mode table|csv|json
  .rows N          how many rows of a result are shown (now and then 100)
  .timer on|off    how long each statement takes
  .exit            or Ctrl-D`;
const MODES = ['table', 'csv', 'json'] as const;
const WIDEST = 60;

interface Settings {
  mode: (typeof MODES)[number];
  rows: number;
  isTimed: boolean;
}

export const openShell: Action = async (invocation, [name = '']) => {
  const { terminal, userHome, signal } = invocation;
  const history = openHistory(userHome);
  return withNode(invocation, async ({ client }) => {
    const db = client.sql(name);
    let schema = await db.schema({ signal });
    const settings: Settings = { mode: 'table', rows: 100, isTimed: false };
    let text = '';
    let failed = false;
    await using conversation = terminal.converse({
      prompt: () => (text.trim() === '' ? `${name}> ` : `${' '.repeat(Math.max(0, name.length - 2))}...> `),
      history: history.lines,
      complete: (line) => complete(line, schema),
      onInterrupt: () => {
        text = '';
      },
    });
    if (terminal.isKeyboard)
      terminal.say(
        `${name}: ${schema.tables.length} table(s). Statements end with a semicolon; .help tells more.`,
      );
    for await (const line of conversation.lines) {
      if (text.trim() === '' && line.trim().startsWith('.')) {
        if (/^\.(?:exit|quit)$/.test(line.trim())) break;
        command(invocation, line.trim(), schema, settings);
        continue;
      }
      const { whole, rest } = takeStatements(`${text}${line}\n`);
      text = rest;
      for (const statement of whole) {
        const isDone = await run(invocation, db, statement, settings);
        if (!isDone) failed = true;
        if (/^\s*(?:create|drop|alter)\b/i.test(statement)) schema = await db.schema({ signal });
      }
    }
    if (text.trim() !== '' && !(await run(invocation, db, text.trim(), settings))) failed = true;
    if (terminal.isKeyboard) history.keep(conversation.history());
    return failed && !terminal.isKeyboard ? EXIT.failed : EXIT.done;
  });
};

/** False: it failed, and why was said. */
async function run(
  { terminal, signal }: Invocation,
  db: SqlDatabaseClient,
  statement: string,
  settings: Settings,
): Promise<boolean> {
  const started = performance.now();
  try {
    const result = isReading(statement) ? await rowsOf(db, statement, signal) : undefined;
    if (result) show(terminal, result, settings);
    else {
      const { changes, lastInsertId, returned } = await db.execute(statement, [], { signal });
      if (returned) show(terminal, returned, settings);
      terminal.say(`${changes} row(s) changed${lastInsertId === null ? '' : `, last id ${lastInsertId}`}`);
    }
    return true;
  } catch (error) {
    if (!isP2posError(error) || signal.aborted) throw error;
    terminal.say(`${terminal.paint('red', error.code)}: ${error.message}`);
    return false;
  } finally {
    if (settings.isTimed) terminal.say(`${Math.round(performance.now() - started)} ms`);
  }
}

/** Undefined: it changes the database, `WITH … DELETE`. */
async function rowsOf(db: SqlDatabaseClient, statement: string, signal: AbortSignal) {
  try {
    return await db.rows(statement, [], { signal });
  } catch (error) {
    if (isP2posError(error, 'SQL_READ_ONLY')) return undefined;
    throw error;
  }
}

function show(terminal: Invocation['terminal'], result: SqlRowSet, { mode, rows: most }: Settings): void {
  const { columns, rows } = result;
  if (mode === 'json') {
    terminal.print(JSON.stringify(SqlRowSet.encode(result)));
    return;
  }
  if (mode === 'csv') {
    for (const row of [columns, ...rows.map((one) => one.map(cell))]) terminal.print(formatCsv(row));
    return;
  }
  const shown = rows.slice(0, most).map((row) => row.map((value) => shortened(cell(value))));
  terminal.print(renderTable(columns, shown));
  const more = rows.length - shown.length;
  terminal.say(`${rows.length} row(s)${more > 0 ? `, ${more} of them not shown: .rows ${rows.length}` : ''}`);
}

function shortened(text: string): string {
  const line = text.replaceAll('\n', '⏎');
  return line.length > WIDEST ? `${line.slice(0, WIDEST - 1)}…` : line;
}

function command({ terminal }: Invocation, line: string, { tables }: SqlSchema, settings: Settings): void {
  const [word = '', value = ''] = line.split(/\s+/);
  const mode = MODES.find((one) => one === value);
  if (word === '.help') terminal.print(HELP);
  else if (word === '.tables') for (const { name } of tables) terminal.print(name);
  else if (word === '.schema') {
    const wanted = tables.filter(({ name }) => value === '' || name.toLowerCase() === value.toLowerCase());
    for (const { sql, indexes } of wanted)
      for (const text of [sql, ...indexes.map((index) => index.sql)]) if (text) terminal.print(`${text};`);
    if (wanted.length === 0) terminal.say(`there is no table ${value}`);
  } else if (word === '.mode' && mode) settings.mode = mode;
  else if (word === '.rows' && /^\d+$/.test(value)) settings.rows = Number(value);
  else if (word === '.timer' && /^(?:on|off)$/.test(value)) settings.isTimed = value === 'on';
  else terminal.say(`there is no such command; there are ${COMMANDS.join(', ')}`);
}
