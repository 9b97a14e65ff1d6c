import type { Action } from '../action.ts';
import { withNode } from '../node-client.ts';
import { conditionOf } from './condition.ts';
import { sayExplanation } from './explanation.ts';

export const deleteValue: Action = async (invocation, [key = ''], flags) => {
  const { terminal, options, signal } = invocation;
  const explain = flags['explain'] === true;
  const condition = conditionOf(flags);
  const result = await withNode(invocation, ({ client }) =>
    condition
      ? client.kv.cas.delete(key, { signal, ...condition })
      : client.kv.delete(key, { signal, ...(explain && { explain }) }),
  );
  if (options.json) terminal.print(JSON.stringify(result));
  else {
    terminal.print(result.existed ? `deleted ${key}` : `there was nothing under ${key}`);
    sayExplanation(terminal, result.explain);
  }
  return undefined;
};
