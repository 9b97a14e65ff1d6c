import { duration, type IssuedToken, type TokenInfo } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { withNode } from '../node-client.ts';
import { renderTable } from '../table.ts';

const LASTING = duration(1, 3_650 * 86_400_000);

export const listTokens: Action = async (invocation, [app = '']) => {
  const { terminal, options, signal } = invocation;
  const tokens = await withNode(invocation, ({ client }) => client.apps.tokens.list(app, { signal }));
  if (options.json) terminal.print(JSON.stringify({ tokens }));
  else if (tokens.length === 0) terminal.say(`app ${app} has no tokens`);
  else terminal.print(renderTokens(tokens));
  return undefined;
};

export const createToken: Action = async (invocation, [app = '', grants], flags) => {
  const { signal } = invocation;
  const expiresInMs = lasting(flags['expires'], '--expires');
  const label = flags['label'] as string | undefined;
  const input = {
    grants: [grants ?? []].flat(),
    ...(label !== undefined && { label }),
    ...(expiresInMs !== undefined && { expiresInMs }),
  };
  showSecret(
    invocation,
    await withNode(invocation, ({ client }) => client.apps.tokens.create(app, input, { signal })),
  );
  return undefined;
};

export const rotateToken: Action = async (invocation, [app = '', id = ''], flags) => {
  const { signal } = invocation;
  const graceMs = lasting(flags['grace'], '--grace');
  const input = graceMs === undefined ? {} : { graceMs };
  showSecret(
    invocation,
    await withNode(invocation, ({ client }) => client.apps.tokens.rotate(app, id, input, { signal })),
  );
  return undefined;
};

export const revokeToken: Action = async (invocation, [app = '', id = '']) => {
  const { terminal, options, signal } = invocation;
  const { existed } = await withNode(invocation, ({ client }) =>
    client.apps.tokens.revoke(app, id, { signal }),
  );
  if (options.json) terminal.print(JSON.stringify({ existed }));
  else terminal.say(existed ? `token ${id} ended` : `app ${app} has no token ${id}`);
  return undefined;
};

export const whoAmI: Action = async (invocation) => {
  const { terminal, options, signal } = invocation;
  const me = await withNode(invocation, ({ client }) => client.whoami({ signal }));
  if (options.json) {
    terminal.print(JSON.stringify(me));
    return undefined;
  }
  terminal.print(
    me.token ? `token ${me.token.id} of the app ${me.app}` : `the operator, in the app ${me.app}`,
  );
  terminal.print(`may: ${me.grants.join(' ')}`);
  if (me.token?.expiresAt) terminal.print(`until: ${new Date(me.token.expiresAt).toISOString()}`);
  return undefined;
};

/** The secret on stdout alone, so that it can be piped into a file. */
function showSecret({ terminal, options }: Invocation, issued: IssuedToken): void {
  if (options.json) {
    terminal.print(JSON.stringify(issued));
    return;
  }
  terminal.say(`token ${issued.id}: ${issued.grants.join(' ')}; this is the only time it is shown`);
  terminal.print(issued.token);
}

function renderTokens(tokens: readonly TokenInfo[]): string {
  const rows = tokens.map(({ id, label, grants, expiresAt }) => [
    id,
    label,
    grants.join(' '),
    expiresAt === null ? 'never' : new Date(expiresAt).toISOString(),
  ]);
  return renderTable(['TOKEN', 'FOR', 'GRANTS', 'EXPIRES'], rows);
}

/** @throws P2posError COMMAND_USAGE */
function lasting(text: unknown, flag: string): number | undefined {
  if (typeof text !== 'string') return undefined;
  const parsed = LASTING.safeDecode(text);
  if (parsed.success) return parsed.data;
  throw usage(`${flag} is a duration such as 90d (units ms, s, m, h, d).`, `p2pctl apps tokens --help`);
}
