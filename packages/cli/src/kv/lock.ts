import { spawn } from 'node:child_process';
import { P2posError } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { EXIT, type Invocation } from '../invocation.ts';
import { withNode } from '../node-client.ts';
import { ttlOption } from './explanation.ts';

/** Ends the command when the lock is lost: what it does next might meet another holder. */
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
    const code = await runProgram(invocation, program, args, lock);
    if (lock.lost.aborted) throw lock.lost.reason;
    if (code === 0) return undefined;
    terminal.say(`${program} ended with ${code}`);
    return EXIT.failed;
  });
};

/** Its exit code; 127: there is no such program. */
function runProgram(
  { env, folder, signal }: Invocation,
  program: string,
  args: readonly string[],
  lock: { readonly token: number; readonly lost: AbortSignal },
): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...env, P2POS_LOCK_TOKEN: String(lock.token) },
      stdio: 'inherit',
      signal: AbortSignal.any([lock.lost, signal]),
    });
    child.once('error', (error) => {
      if (!child.pid) resolve('code' in error && error.code === 'ENOENT' ? 127 : 126);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
