/** The node's own executable, run for what needs its code. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { P2posError } from '@p2pos/protocol';
import type { ExitCode, Invocation } from '../invocation.ts';
import { findTarget } from '../target.ts';

const PROGRAM = fileURLToPath(new URL('../../../node/bin/p2pos-node.mjs', import.meta.url));

/** With this terminal as its own; resolves to its exit code. Ctrl-C reaches it by itself, a SIGTERM is passed on. */
export function runNodeProgram(words: readonly string[], signal?: AbortSignal): Promise<ExitCode> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...words], { stdio: 'inherit' });
    const stop = () => child.kill('SIGTERM');
    signal?.addEventListener('abort', stop, { once: true });
    child.once('error', reject);
    child.once('exit', (code) => {
      signal?.removeEventListener('abort', stop);
      resolve((code ?? 1) as ExitCode);
    });
  });
}

/** The home that a command about a node's files means. */
export function homeOf(invocation: Invocation): string {
  const { home, foundBy } = findTarget(invocation);
  if (home !== undefined) return home;
  throw new P2posError('NODE_NOT_CHOSEN', {
    looked: `${foundBy} names an address, and this needs the home`,
    next: 'p2pctl config show --home DIR',
  });
}
