/** Which ports are free on the loopback address, and who holds those that are not. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';

const HOST = '127.0.0.1';

export async function isFree(port: number, kind: 'tcp' | 'udp' = 'tcp'): Promise<boolean> {
  const socket = kind === 'tcp' ? createServer() : createSocket('udp4');
  try {
    if (socket instanceof Object && 'listen' in socket) socket.listen({ port, host: HOST, exclusive: true });
    else socket.bind({ port, address: HOST, exclusive: true });
    await once(socket, 'listening');
  } catch {
    return false;
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return true;
}

/**
 * `count` distinct ports free for both tcp and udp. They lie below the range from which the system takes the
 * ports of outgoing connections, so that a node that is down for a moment does not find its own port taken.
 */
export async function chooseFreePorts(count: number, random: () => number = Math.random): Promise<number[]> {
  const [low, high] = candidateRange();
  const chosen = new Set<number>();
  for (let attempts = 0; chosen.size < count && attempts < count * 200; attempts += 1) {
    const port = low + Math.floor(random() * (high - low));
    if (!chosen.has(port) && (await isFree(port, 'tcp')) && (await isFree(port, 'udp'))) chosen.add(port);
  }
  return [...chosen];
}

function candidateRange(): readonly [number, number] {
  const usual = 32_768;
  let first = usual;
  try {
    first = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)[0]);
  } catch {
    // Not Linux: the usual start of the range is a good guess.
  }
  return first > 12_000 ? [10_000, first] : [10_000, usual];
}

/** Who listens on the port, as `pid 123 (node server.js)`; undefined where the system does not tell. */
export function holderOf(port: number): string | undefined {
  const inodes = new Set([
    ...listeningInodes('/proc/net/tcp', port),
    ...listeningInodes('/proc/net/tcp6', port),
  ]);
  if (inodes.size === 0) return undefined;
  for (const pid of readNames('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of readNames(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined && inodes.has(inode)) return `pid ${pid} (${commandOf(pid)})`;
    }
  }
  return undefined;
}

/** proc(5): local address as HEX:PORT, state 0A = LISTEN, the tenth column is the socket's inode. */
function* listeningInodes(file: string, port: number): Generator<string> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  for (const line of readText(file).split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns[3] === '0A' && columns[1]?.split(':')[1] === wanted && columns[9]) yield columns[9];
  }
}

export function commandOf(pid: string | number): string {
  const words = readText(`/proc/${pid}/cmdline`)
    .split('\0')
    .filter(Boolean)
    .join(' ')
    .replace(/\p{Cc}/gu, '?');
  return words.length > 100 ? `${words.slice(0, 99)}…` : words || 'unknown command';
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
