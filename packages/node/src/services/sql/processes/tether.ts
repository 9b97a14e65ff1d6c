/** A child that ends with its parent, even when that is killed: Linux tells it (prctl PR_SET_PDEATHSIG), by `setpriv`. */
import { existsSync } from 'node:fs';

const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'];

export interface Command {
  readonly command: string;
  readonly words: readonly string[];
}

/** Where the system has no such thing, the command as it is: orphans are then found by what was noted of them. */
export function tether(command: string, words: readonly string[]): Command {
  const setpriv = process.platform === 'linux' ? SETPRIV.find((file) => existsSync(file)) : undefined;
  if (setpriv === undefined) return { command, words };
  return { command: setpriv, words: ['--pdeathsig', 'KILL', '--', command, ...words] };
}
