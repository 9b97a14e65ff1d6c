import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';
import { renderTable } from '../table.ts';

export const showAudit: Action = async (invocation, _, flags) => {
  const { terminal, options, signal } = invocation;
  const limit = Number(flags['limit']);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000)
    throw usage('--limit is a whole number from 1 to 1000.', 'p2pctl audit --limit 100');
  const entries = await withNode(invocation, ({ client }) => client.audit(limit, { signal }));
  if (options.json) terminal.print(JSON.stringify({ entries }));
  else if (entries.length === 0) terminal.say('nothing was administered in the last 90 days');
  else {
    const rows = entries.map(({ at, actor, operation, target, outcome }) => [
      new Date(at).toISOString(),
      actor,
      operation,
      target,
      outcome,
    ]);
    terminal.print(renderTable(['AT', 'WHO', 'WHAT', 'TO', 'OUTCOME'], rows));
  }
  return undefined;
};
