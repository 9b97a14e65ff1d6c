import { SqlRows, type SqlValue } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { lastingOption } from '../lasting.ts';
import { withNode } from '../node-client.ts';
import { cell, paramsOf, printRows } from './statements.ts';

export const watchQuery: Action = async (invocation, [name = '', sql = ''], flags) => {
  const { terminal, options } = invocation;
  using lasting = lastingOption(flags['for'], 'p2pctl sql watch NAME SQL --for 10s');
  const key = (flags['key'] as string | undefined)?.split(',').map((column) => column.trim());
  const params = paramsOf(flags['param']);
  await withNode(invocation, async ({ client }) => {
    const signal = AbortSignal.any([invocation.signal, lasting.signal]);
    const events = client.sql(name).live(sql, { params, signal, ...(key && { key }) });
    for await (const event of events) {
      if (options.json) terminal.print(JSON.stringify(plain(event)));
      else if (event.type === 'change') {
        for (const row of event.removes) terminal.print(`- ${row.map(cell).join('  ')}`);
        for (const row of event.upserts) terminal.print(`+ ${row.map(cell).join('  ')}`);
      } else printRows(invocation, event);
    }
  });
  return undefined;
};

function plain(event: object): unknown {
  const fields = Object.entries(event).map(([name, value]) => {
    const isRows = name === 'rows' || name === 'upserts' || name === 'removes';
    return [name, isRows ? SqlRows.encode(value as SqlValue[][]) : value];
  });
  return Object.fromEntries(fields);
}
