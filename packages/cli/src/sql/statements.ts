import { MAX_SQL_LENGTH, SqlParams, SqlRowSet, type SqlValue } from '@p2pos/protocol';
import type { SqlText } from '@p2pos/sdk';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { withNode } from '../node-client.ts';
import { renderTable } from '../table.ts';

export const queryDatabase: Action = async (invocation, [name = '', text = ''], flags) => {
  const { terminal, options, signal } = invocation;
  const sql = await sqlOf(invocation, text);
  const consistency = flags['consistency'] as 'none' | 'weak' | 'linearizable' | undefined;
  const result = await withNode(invocation, ({ client }) =>
    client.sql(name).rows(sql, paramsOf(flags['param']), { signal, ...(consistency && { consistency }) }),
  );
  if (options.json) terminal.print(JSON.stringify(SqlRowSet.encode(result)));
  else printRows(invocation, result);
  return undefined;
};

export const executeStatements: Action = async (invocation, args, flags) => {
  const { terminal, options, signal } = invocation;
  const [name = '', ...rest] = args.flat() as string[];
  const params = paramsOf(flags['param']);
  if (params.length > 0 && rest.length > 1)
    throw usage(
      '--param is for a single statement.',
      'p2pctl sql execute NAME "INSERT … VALUES (?)" --param 1',
    );
  const statements: SqlText[] = [];
  for (const text of rest) statements.push({ sql: await sqlOf(invocation, text), params });
  const key = flags['key'] as string | undefined;
  const results = await withNode(invocation, ({ client }) =>
    client.sql(name).transaction(statements, { signal, ...(key !== undefined && { idempotencyKey: key }) }),
  );
  if (options.json) {
    const plain = results.map(({ changes, lastInsertId, returned }) => ({
      changes,
      lastInsertId: typeof lastInsertId === 'bigint' ? { $int: lastInsertId.toString() } : lastInsertId,
      ...(returned && { returned: SqlRowSet.encode(returned) }),
    }));
    terminal.print(JSON.stringify({ results: plain }));
    return undefined;
  }
  for (const { changes, lastInsertId, returned } of results) {
    if (returned) printRows(invocation, returned);
    terminal.say(`${changes} row(s) changed${lastInsertId === null ? '' : `, last id ${lastInsertId}`}`);
  }
  return undefined;
};

async function sqlOf({ terminal }: Invocation, text: string): Promise<string> {
  return text === '-' ? new TextDecoder().decode(await terminal.read(MAX_SQL_LENGTH)) : text;
}

export function paramsOf(texts: unknown): SqlValue[] {
  return ((texts as string[] | undefined) ?? []).map((text) => {
    const decoded = SqlParams.safeDecode([jsonOf(text)] as never);
    if (decoded.success) return (decoded.data as SqlValue[])[0] ?? null;
    throw usage(
      `--param ${text} is no value: ${decoded.error.issues[0]?.message ?? ''}.`,
      'p2pctl sql query --help',
    );
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function printRows({ terminal }: Invocation, { columns, rows }: SqlRowSet): void {
  terminal.print(
    renderTable(
      columns,
      rows.map((row) => row.map(cell)),
    ),
  );
  terminal.say(`${rows.length} row(s)`);
}

export function cell(value: SqlValue): string {
  if (value === null) return 'NULL';
  return value instanceof Uint8Array ? `x'${Buffer.from(value).toString('hex')}'` : String(value);
}
