import { Blob64 } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';
import { renderTable } from '../table.ts';

export const discover: Action = async (invocation, [namespace = ''], flags) => {
  const { terminal, options, signal } = invocation;
  const limit = flags['limit'] === undefined ? undefined : Number(flags['limit']);
  if (limit !== undefined && !Number.isInteger(limit))
    throw usage('--limit is a whole number.', 'p2pctl rendezvous discover NAMESPACE --limit 10');
  const { registrations, more } = await withNode(invocation, ({ client }) =>
    client.rendezvous.discover(namespace, { ...(limit !== undefined && { limit }), signal }),
  );
  if (options.json) {
    const plain = registrations.map(({ data, ...rest }) => ({
      ...rest,
      ...(data && { data: Blob64.encode(data) }),
    }));
    terminal.print(JSON.stringify({ registrations: plain, more }));
  } else if (registrations.length === 0) terminal.say(`nobody is registered in ${namespace}`);
  else {
    const rows = registrations.map(({ name, addresses, data, expiresAt, by }) => [
      name,
      addresses.join(' '),
      data ? new TextDecoder().decode(data).replaceAll(/\p{C}/gu, '·') : '',
      expiresAt,
      by,
    ]);
    terminal.print(renderTable(['NAME', 'ADDRESSES', 'DATA', 'UNTIL', 'BY'], rows));
    if (more) terminal.say('there are more; ask with a greater --limit');
  }
  return undefined;
};
