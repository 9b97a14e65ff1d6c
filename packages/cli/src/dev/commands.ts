/** `p2pctl dev` and its orders to the one that runs. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { P2posError } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { EXIT, type Invocation } from '../invocation.ts';
import { didYouMean } from '../suggestion.ts';
import { type ControlOrder, sendOrder } from './control.ts';
import { emptyFolder } from './folder.ts';
import { layoutOf } from './layout.ts';
import { lockHome } from './lock.ts';
import { MAX_DEV_NODES, NODE_MAIN, runDev } from './run.ts';

const CLONE = fileURLToPath(new URL('../../../..', import.meta.url));
const ORDERS = ['stop', 'start', 'add', 'reset'];

/** `--home`, P2POS_HOME, the `.p2pos` of this folder, or the one of the clone. */
function devHome({ options, env, folder }: Invocation): string {
  const named = options.home ?? env['P2POS_HOME'];
  if (named !== undefined) return resolve(folder, named);
  const here = join(folder, '.p2pos');
  return existsSync(join(here, 'dev.json')) ? here : join(CLONE, '.p2pos');
}

export const startDev: Action = async (invocation, [word], flags) => {
  if (word !== undefined)
    throw usage(`dev knows no ${word}.${didYouMean(word, ORDERS)}`, 'p2pctl dev --help');
  return runDev(invocation, {
    home: devHome(invocation),
    nodes: numberOption('--nodes', flags['nodes'], 1, MAX_DEV_NODES),
    port: numberOption('--port', flags['port'], 1, 65_535),
    fresh: flags['fresh'] === true,
    restart: flags['restart'] !== false,
    nodeMain: NODE_MAIN,
  });
};

function numberOption(name: string, text: unknown, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(String(text)) && number >= min && number <= max) return number;
  throw usage(
    `${name} is a whole number from ${min} to ${max}, not ${String(text)}.`,
    `p2pctl dev ${name} ${min === 1 && max === 65_535 ? 5_180 : 3}`,
  );
}

interface ShownNode {
  readonly name: string;
  readonly state: string;
  readonly pid: number | null;
}

async function order(invocation: Invocation, { op, node }: ControlOrder): Promise<undefined> {
  const { terminal, options, signal } = invocation;
  const layout = layoutOf(devHome(invocation));
  const answer = await sendOrder(
    layout,
    { op, ...(node !== undefined && { node }) },
    terminal.progress,
    signal,
  );
  terminal.progress('');
  if (options.json) terminal.print(JSON.stringify(answer ?? {}));
  else if (op === 'stop' && node === undefined) terminal.print('the system is stopping');
  else
    for (const { name, state, pid } of [answer].flat() as ShownNode[]) {
      terminal.print(`${name} is ${state}${pid === null ? '' : `, pid ${pid}`}`);
    }
  return undefined;
}

export const stopDev: Action = (invocation, [node]) => order(invocation, { op: 'stop', node });
export const startNodes: Action = (invocation, [node]) => order(invocation, { op: 'start', node });
export const addNode: Action = (invocation) => order(invocation, { op: 'add' });

export const resetDev: Action = async (invocation, [node], flags) => {
  const { terminal } = invocation;
  const layout = layoutOf(devHome(invocation));
  const what = node === undefined ? `the system in ${layout.home} with all its data` : `the data of ${node}`;
  if (flags['yes'] !== true) {
    if (!terminal.isKeyboard)
      throw usage(`This deletes ${what}.`, `p2pctl dev reset ${node ?? ''} --yes`.replace('  ', ' '));
    if (!(await terminal.confirm(`Delete ${what}?`))) return EXIT.failed;
  }
  if (node !== undefined) return order(invocation, { op: 'reset', node });
  if (!existsSync(layout.home)) throw new P2posError('DEV_NOT_RUNNING', { home: layout.home });
  using _lock = lockHome(layout);
  emptyFolder(layout);
  terminal.print(`deleted ${what}`);
  return undefined;
};
