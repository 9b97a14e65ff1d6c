/** Contexts: shown, added, chosen, forgotten. */
import { resolve } from 'node:path';
import type { Action } from '../action.ts';
import { type Context, readContexts, writeContexts } from '../contexts.ts';
import { usage } from '../failure.ts';
import { didYouMean } from '../suggestion.ts';
import { renderTable } from '../table.ts';

export const listContexts: Action = async (invocation) => {
  const { terminal, options } = invocation;
  const { chosen, contexts } = readContexts(invocation);
  const names = Object.keys(contexts).sort();
  if (options.json) terminal.print(JSON.stringify({ chosen, contexts }));
  else if (names.length === 0) terminal.print('no contexts; p2pctl context add NAME --home DIR makes one');
  else
    terminal.print(
      renderTable(
        ['', 'NAME', 'NODE'],
        names.map((name) => [name === chosen ? '*' : '', name, describe(contexts[name])]),
      ),
    );
  return undefined;
};

export const addContext: Action = async (invocation, [name = '']) => {
  const { options, folder, terminal } = invocation;
  const all = readContexts(invocation);
  const context = contextOf(options, folder);
  writeContexts(invocation, { chosen: name, contexts: { ...all.contexts, [name]: context } });
  terminal.print(`context ${name} is chosen: ${describe(context)}`);
  return undefined;
};

export const chooseContext: Action = async (invocation, [name]) => {
  const all = readContexts(invocation);
  if (name !== undefined) require(all.contexts, name);
  writeContexts(invocation, { ...all, chosen: name ?? null });
  invocation.terminal.print(name === undefined ? 'no context is chosen' : `context ${name} is chosen`);
  return undefined;
};

export const removeContext: Action = async (invocation, [name = '']) => {
  const { chosen, contexts } = readContexts(invocation);
  require(contexts, name);
  const rest = Object.fromEntries(Object.entries(contexts).filter(([key]) => key !== name));
  writeContexts(invocation, { chosen: chosen === name ? null : chosen, contexts: rest });
  invocation.terminal.print(`context ${name} is forgotten`);
  return undefined;
};

function contextOf(
  {
    url,
    tokenFile,
    home,
    node,
  }: {
    url?: string | undefined;
    tokenFile?: string | undefined;
    home?: string | undefined;
    node?: string | undefined;
  },
  folder: string,
): Context {
  if (url !== undefined)
    return { url, ...(tokenFile !== undefined && { tokenFile: resolve(folder, tokenFile) }) };
  if (home !== undefined) return { home: resolve(folder, home), ...(node !== undefined && { node }) };
  throw usage('A context needs --url or --home.', 'p2pctl context add NAME --home DIR');
}

function require(contexts: Readonly<Record<string, Context>>, name: string): void {
  if (Object.hasOwn(contexts, name)) return;
  throw usage(
    `There is no context ${name}.${didYouMean(name, Object.keys(contexts))}`,
    'p2pctl context list',
  );
}

function describe(context: Context | undefined): string {
  if (!context) return '';
  return 'url' in context
    ? context.url
    : `${context.home}${context.node === undefined ? '' : ` node ${context.node}`}`;
}
