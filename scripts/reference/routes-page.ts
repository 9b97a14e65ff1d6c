import { contract } from '../../packages/protocol/src/contract/contract.ts';
import type { Route } from '../../packages/protocol/src/index.ts';
import { code, page, table } from './markdown.ts';

const INTRODUCTION = `What a node answers on its HTTP door. \`/openapi.json\` of a running node describes bodies and parameters. A grant \`none\` needs no
token, \`loopback\` none on the loopback interface; all others are of the form capability:action. The routes under \`/v1/dev\` exist under
\`p2pctl dev\` alone.
`;

export function routesPage(): string {
  const parts = Object.entries(contract).map(([capability, routes]) => {
    const rows = Object.values<Route>(routes).map(({ method, path, grant, summary, errors }) => [
      code(`${method} ${path}`),
      summary,
      grant,
      errors.map(code).join(', '),
    ]);
    return `## ${capability}\n\n${table(['operation', 'what it does', 'grant', 'errors of its own'], rows)}`;
  });
  return page('Routes', 'packages/protocol/src/contract/contract.ts', `${INTRODUCTION}\n${parts.join('\n')}`);
}
