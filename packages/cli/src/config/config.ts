import { configRoutes } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { withNode } from '../node-client.ts';
import { homeOf, runNodeProgram } from './node-program.ts';

const run =
  (word: string): Action =>
  async (invocation) =>
    runNodeProgram([
      'config',
      word,
      '--home',
      homeOf(invocation),
      ...(invocation.options.json ? ['--json'] : []),
    ]);

export const reloadConfig: Action = async (invocation) => {
  const { terminal, options, signal } = invocation;
  const { applied, needsRestart } = await withNode(invocation, ({ client }) =>
    client.call(configRoutes.reload, {}, { signal }),
  );
  if (options.json) {
    terminal.print(JSON.stringify({ applied, needsRestart }));
    return undefined;
  }
  if (applied.length + needsRestart.length === 0) terminal.print('nothing changed');
  if (applied.length > 0) terminal.print(`in force now: ${applied.join(', ')}`);
  if (needsRestart.length > 0) terminal.print(`after a restart: ${needsRestart.join(', ')}`);
  return undefined;
};

export const showConfig = run('show');
export const checkConfig = run('check');
