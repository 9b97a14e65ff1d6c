import { sessionRoutes } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { withNode } from '../node-client.ts';

export const printLink: Action = async (invocation) => {
  const { terminal, options, signal } = invocation;
  const link = await withNode(invocation, ({ client }) => client.call(sessionRoutes.link, {}, { signal }));
  terminal.print(options.json ? JSON.stringify(link) : link.url);
  return undefined;
};
