/** Why a port cannot be had, in words that help: on Linux also who holds it. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { P2posError } from '@p2pos/protocol';

const LISTENING = '0A';

/** The error to show for a failed listen. */
export async function listenFailure(
  error: NodeJS.ErrnoException,
  host: string,
  port: number,
): Promise<P2posError> {
  if (error.code === 'EADDRINUSE') {
    const holder = (await portHolder(port).catch(() => undefined)) ?? 'another program';
    return new P2posError('PORT_IN_USE', { port, host, holder }, { cause: error });
  }
  const reasons: Record<string, string> = {
    EACCES: 'this user may not use that port (below 1024?)',
    EADDRNOTAVAIL: 'this machine does not have that address',
    ENOTFOUND: 'that name has no address',
  };
  const reason = reasons[error.code ?? ''] ?? error.message;
  return new P2posError('LISTEN_FAILED', { host, port, reason }, { cause: error });
}

/** `process 4711 (node server.js)`, as far as /proc lets this user see; undefined elsewhere. */
async function portHolder(port: number): Promise<string | undefined> {
  const sockets = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      const hexPort = local.slice(local.lastIndexOf(':') + 1);
      if (state === LISTENING && Number.parseInt(hexPort, 16) === port) sockets.add(`socket:[${inode}]`);
    }
  }
  if (sockets.size === 0) return undefined;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (await holdsAny(pid, sockets)) return `process ${pid} (${await commandOf(pid)})`;
  }
  return undefined;
}

async function holdsAny(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  for (const fd of await readdir(folder).catch(() => [])) {
    if (sockets.has(await readlink(`${folder}/${fd}`).catch(() => ''))) return true;
  }
  return false;
}

/** Without its arguments' tail: they may be long, or hold what should not be shown. */
async function commandOf(pid: string): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.split('\0').slice(0, 2).join(' ').trim().slice(0, 120) || 'unknown command';
}
