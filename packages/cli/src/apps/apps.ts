import type { AppInfo, AppQuotas } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { withNode } from '../node-client.ts';
import { formatBytes, renderTable } from '../table.ts';

const QUOTAS = ['requests', 'messages', 'storedBytes', 'databases'] as const;

export const listApps: Action = async (invocation) => {
  const { signal } = invocation;
  const apps = await withNode(invocation, ({ client }) => client.apps.list({ signal }));
  if (invocation.options.json) invocation.terminal.print(JSON.stringify({ apps }));
  else invocation.terminal.print(renderApps(apps));
  return undefined;
};

export const createApp: Action = async (invocation, [app = ''], flags) => {
  const quotas = quotasOf(flags);
  const { created, app: info } = await withNode(invocation, ({ client }) =>
    client.apps.put(app, quotas && { quotas }, { signal: invocation.signal }),
  );
  show(
    invocation,
    info,
    created
      ? `app ${app} made; give it a token: p2pctl apps tokens create ${app} kv:*`
      : `app ${app} is there already`,
  );
  return undefined;
};

export const setQuotas: Action = async (invocation, [app = ''], flags) => {
  const quotas = flags['unlimited'] === true ? {} : quotasOf(flags);
  const { signal } = invocation;
  const info = await withNode(invocation, async ({ client }) => {
    const before = await client.apps.get(app, { signal });
    if (!quotas) return before;
    const wanted = flags['unlimited'] === true ? {} : { ...before.quotas, ...quotas };
    return (await client.apps.put(app, { quotas: wanted }, { signal })).app;
  });
  show(invocation, info, '');
  return undefined;
};

export const suspendApp: Action = async (invocation, [app = '']) => {
  const info = await withNode(invocation, ({ client }) =>
    client.apps.suspend(app, { signal: invocation.signal }),
  );
  show(invocation, info, `app ${app} is suspended; its data stays`);
  return undefined;
};

export const resumeApp: Action = async (invocation, [app = '']) => {
  const info = await withNode(invocation, ({ client }) =>
    client.apps.resume(app, { signal: invocation.signal }),
  );
  show(invocation, info, `app ${app} is active`);
  return undefined;
};

export const deleteApp: Action = async (invocation, [app = ''], flags) => {
  const { terminal, options, signal } = invocation;
  const confirm = typeof flags['confirm'] === 'string' ? flags['confirm'] : await asked();
  const { existed, deleted } = await withNode(invocation, ({ client }) =>
    client.apps.delete(app, { confirm }, { signal, timeoutMs: 600_000 }),
  );
  if (options.json) terminal.print(JSON.stringify({ existed, deleted }));
  else if (!existed) terminal.say(`there was no app ${app}`);
  else {
    const counts = Object.entries(deleted).map(([name, count]) => `${count} of ${name}`);
    terminal.say(`app ${app} deleted: ${counts.join(', ')}`);
  }
  return undefined;

  async function asked(): Promise<string> {
    if (!terminal.isKeyboard) return '';
    return (await terminal.confirm(`Delete app ${app} with all its data for good?`)) ? app : '';
  }
};

export const showUsage: Action = async (invocation, [app = '']) => {
  const { terminal, options, signal } = invocation;
  const used = await withNode(invocation, ({ client }) => client.apps.usage(app, { signal }));
  if (options.json) {
    terminal.print(JSON.stringify(used));
    return undefined;
  }
  const stored = used.storedBytes === null ? 'unknown' : formatBytes(used.storedBytes);
  terminal.print(
    renderTable(
      ['REQUESTS', 'REFUSED', 'MESSAGES', 'STORED'],
      [[String(used.requests), String(used.refused), String(used.messages), stored]],
    ),
  );
  terminal.say('requests, refusals and messages since each node started');
  if (used.missing.length > 0) terminal.say(`${used.missing.length} of ${used.nodes} nodes did not answer`);
  return undefined;
};

function show({ terminal, options }: Invocation, info: AppInfo, said: string): void {
  if (options.json) {
    terminal.print(JSON.stringify(info));
    return;
  }
  if (said !== '') terminal.say(said);
  terminal.print(renderApps([info]));
}

function renderApps(apps: readonly AppInfo[]): string {
  const rows = apps.map(({ app, state, tokens, quotas }) => [
    app,
    state,
    String(tokens),
    rate(quotas.requests),
    rate(quotas.messages),
    quotas.storedBytes === undefined ? '–' : formatBytes(quotas.storedBytes),
    String(quotas.databases ?? '–'),
  ]);
  return renderTable(['APP', 'STATE', 'TOKENS', 'REQUESTS', 'MESSAGES', 'STORED', 'DATABASES'], rows);
}

function rate(perSecond: number | undefined): string {
  return perSecond === undefined ? '–' : `${perSecond}/s`;
}

/** Undefined: none was given. @throws P2posError COMMAND_USAGE */
function quotasOf(flags: Readonly<Record<string, unknown>>): AppQuotas | undefined {
  const quotas: AppQuotas = {};
  for (const name of QUOTAS) {
    const text = flags[name];
    if (text === undefined) continue;
    const value = Number(text);
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (!Number.isSafeInteger(value) || value < 1)
      throw usage(`${flag} is a whole number from 1.`, `p2pctl apps quota APP ${flag} 500`);
    quotas[name] = value;
  }
  return Object.keys(quotas).length > 0 ? quotas : undefined;
}
