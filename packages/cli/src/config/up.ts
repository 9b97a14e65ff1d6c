import { join } from 'node:path';
import type { Action } from '../action.ts';
import { runNodeProgram } from './node-program.ts';

export const runNode: Action = async ({ options, env, userHome, signal }) => {
  const home = options.home ?? env['P2POS_HOME'] ?? join(userHome, '.p2pos');
  return runNodeProgram(['run', '--home', home], signal);
};
