import type { Action } from '../program.ts';
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

export const showConfig = run('show');
export const checkConfig = run('check');
