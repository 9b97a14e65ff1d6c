/** Checks the invitation, then lets the node's executable ask the members and make the home. */
import { join, resolve } from 'node:path';
import { readInvitation } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { runNodeProgram } from '../config/node-program.ts';
import { crypto } from '../keys.ts';

const MAX_BYTES = 65_536;

export const joinSystem: Action = async (invocation, [argument = ''], flags) => {
  const { options, env, folder, userHome, terminal, signal } = invocation;
  const { listen = [], http } = flags as { listen?: readonly string[]; http?: string };
  const text = argument === '-' ? Buffer.from(await terminal.read(MAX_BYTES)).toString() : argument;
  await readInvitation(text, crypto);
  const home = resolve(folder, options.home ?? env['P2POS_HOME'] ?? join(userHome, '.p2pos'));
  return runNodeProgram(
    [
      'join',
      text.replace(/\s+/g, ''),
      '--home',
      home,
      ...listen.flatMap((address) => ['--net-listen', address]),
      ...(http === undefined ? [] : ['--http-listen', http]),
      ...(options.json ? ['--json'] : []),
    ],
    signal,
  );
};
