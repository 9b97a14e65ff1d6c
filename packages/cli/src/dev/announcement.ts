/** What `dev` prints once the system is ready: the address, three lines to paste, and a link to the page. */
import { existsSync } from 'node:fs';
import { delimiter, join, relative, resolve } from 'node:path';
import type { DevFile } from './dev-file.ts';

export interface Announcement {
  readonly nodes: DevFile['nodes'];
  /** Words that start p2pctl in the person's shell, with what names this system. */
  readonly command: string;
  readonly page: string | undefined;
}

export function announce({ nodes, command, page }: Announcement): string[] {
  const running = nodes.filter(({ pid }) => pid !== null);
  const [first] = running;
  if (!first) return [];
  // Another than the first, so that the value is seen to travel, and one that outlives it.
  const other = running[Math.min(3, running.length - 1)] ?? first;
  const at = ({ name }: { readonly name: string }) => `--node ${name.replace(/^node/, '')}`;
  const read = `${command} kv get hello ${at(other)}`;
  // With fewer than three nodes the one that died is needed, and is back after 2 s.
  const pause = running.length < 3 ? 'sleep 5; ' : '';
  return [
    `ready: ${first.http}`,
    `  ${command} kv put hello world ${at(first)}`,
    `  ${read}`,
    `  kill -9 ${first.pid}; ${pause}${read}`,
    ...(page === undefined ? [] : [`page: ${page}`]),
  ];
}

export interface ShellSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
}

/** `p2pctl` where the person's shell finds it, else its path; with `--home` where the system is not the default one there. */
export function commandWords(devHome: string, program: string, { env, folder }: ShellSurroundings): string {
  // npm puts its own folder first on the PATH and starts from the package's: neither is so in the person's shell.
  const shellFolder = env['INIT_CWD'] ?? folder;
  const paths = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((path) => !env['npm_command'] || !path.endsWith('node_modules/.bin'));
  const isOnPath = paths.some((path) => existsSync(join(path, 'p2pctl')));
  const words = [isOnPath ? 'p2pctl' : shortPath(program, shellFolder)];
  if (devHome !== resolve(shellFolder, '.p2pos')) words.push('--home', shortPath(devHome, shellFolder));
  return words.map(quoteForShell).join(' ');
}

function shortPath(path: string, from: string): string {
  const short = relative(from, path);
  if (short === '' || short.startsWith('..')) return path;
  return short.includes('/') ? short : `./${short}`;
}

export function quoteForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
