import type { Action } from '../action.ts';
import { EXIT } from '../invocation.ts';
import { withNode } from '../node-client.ts';
import { renderTable } from '../table.ts';

export const showHealth: Action = async (invocation) => {
  const { terminal, options, signal } = invocation;
  const health = await withNode(invocation, ({ client }) => client.health({ signal }));
  if (options.json) terminal.print(JSON.stringify(health));
  else {
    terminal.print(health.status);
    terminal.print(
      renderTable(
        ['CHECK', 'STATUS', ''],
        health.checks.map(({ name, status, detail }) => [name, status, detail]),
      ),
    );
  }
  return health.status === 'ok' ? EXIT.done : EXIT.failed;
};
