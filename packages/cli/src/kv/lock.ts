import { spawn } from 'node:child_process';
import { P2posError } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { systemClock } from '../clock.ts';
import { withNode } from '../node-client.ts';
import { endOf } from './child.ts';
import { ttlOption } from './explanation.ts';

/** Ends as the command does, and ends that when the lock is lost: what it does next might meet another holder. */
export const runLocked: Action = async (invocation, [key = '', ...words], flags) => {
  const { terminal, signal } = invocation;
  const [program = '', ...args] = words.flat() as string[];
  const ttlMs = ttlOption(flags['ttl']);
  const waitMs = flags['wait'] === '0s' ? 0 : ttlOption(flags['wait']);
  return withNode(invocation, async ({ client }) => {
    await using lock = await client.kv.cas.lock(key, {
      signal,
      ...(ttlMs !== undefined && { ttlMs }),
      ...(waitMs !== undefined && { waitMs }),
    });
    if (!lock) throw new P2posError('LOCK_HELD', { key });
    const child = spawn(program, args, {
      cwd: invocation.folder,
      env: { ...invocation.env, P2POS_LOCK_TOKEN: String(lock.token) },
      stdio: 'inherit',
    });
    const code = await endOf(child, { lost: lock.lost, stop: signal, clock: systemClock });
    if (lock.lost.aborted) throw lock.lost.reason;
    if (code !== 0) terminal.say(`${program} ended with ${code}`);
    return code;
  });
};
