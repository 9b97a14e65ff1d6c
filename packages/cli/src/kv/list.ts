import { MAX_KV_LIST_LIMIT } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';
import { conditionOf } from './condition.ts';

export const listKeys: Action = async (invocation, [argument], flags) => {
  const { terminal, options, signal } = invocation;
  const option = flags['prefix'] as string | undefined;
  if (argument !== undefined && option !== undefined)
    throw usage('Give the prefix once.', 'p2pctl kv list PREFIX');
  const prefix = argument ?? option ?? '';
  const limit = limitOf(flags['limit']);
  const cursor = flags['cursor'] as string | undefined;
  const agreed = conditionOf(flags) !== undefined;
  await withNode(invocation, async ({ client }) => {
    const kv = agreed ? client.kv.cas : client.kv;
    if (limit === undefined && cursor === undefined) {
      const keys: string[] = [];
      for await (const key of kv.list({ prefix, signal }))
        options.json ? keys.push(key) : terminal.print(key);
      if (options.json) terminal.print(JSON.stringify({ keys, cursor: null }));
      return;
    }
    const page = await kv.page({ prefix, signal, ...(limit && { limit }), ...(cursor && { cursor }) });
    if (options.json) return terminal.print(JSON.stringify(page));
    for (const key of page.keys) terminal.print(key);
    if (page.cursor !== null) terminal.say(`there are more: --cursor ${page.cursor}`);
  });
  return undefined;
};

function limitOf(text: unknown): number | undefined {
  if (text === undefined) return undefined;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_KV_LIST_LIMIT) return limit;
  throw usage(`--limit is a whole number from 1 to ${MAX_KV_LIST_LIMIT}.`, 'p2pctl kv list --limit 100');
}
