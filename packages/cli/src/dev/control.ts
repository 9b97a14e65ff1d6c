/**
 * How another p2pctl gives orders to the `dev` that runs: a Unix socket, found through `system/control.json`. Lines
 * of JSON both ways: one order, then any number of `{progress}` and one `{ok}` or `{error}`.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { isErrorCode, P2posError } from '@p2pos/protocol';
import { z } from 'zod';
import { readJsonFile, writeJsonFile } from '../json-file.ts';
import type { Layout } from './layout.ts';

/** sockaddr_un holds 104 bytes on some systems, 108 on Linux. */
const MAX_SOCKET_PATH_BYTES = 100;
const MAX_ORDER_BYTES = 4_096;

const Address = z.object({ socket: z.string() });
const ControlOrder = z.object({ op: z.enum(['stop', 'start', 'add', 'reset']), node: z.string().optional() });
export type ControlOrder = z.infer<typeof ControlOrder>;

const Reply = z.union([
  z.object({ progress: z.string() }),
  z.object({
    error: z.object({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()) }),
  }),
  z.object({ ok: z.unknown() }),
]);

export type Obey = (order: ControlOrder, progress: (text: string) => void) => Promise<unknown>;

/** Takes orders until it is disposed. */
export async function listenControl(layout: Layout, obey: Obey): Promise<AsyncDisposable> {
  const path = socketPath(layout);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    void serve(socket, obey);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new P2posError('HOME_UNUSABLE', { home: layout.home, reason: cause.message }, { cause }));
    });
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  writeJsonFile(layout.control, { socket: path });
  return {
    async [Symbol.asyncDispose]() {
      rmSync(layout.control, { force: true });
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroySoon();
      await closed;
      if (!path.startsWith(layout.home)) rmSync(dirname(path), { recursive: true, force: true });
    },
  };
}

function socketPath(layout: Layout): string {
  const path = join(layout.system, 'dev.sock');
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) {
    // The lock says that no other dev runs here: what lies there was left by one that was killed.
    rmSync(path, { force: true });
    return path;
  }
  return join(mkdtempSync(join(tmpdir(), 'p2pos-')), 'dev.sock');
}

async function serve(socket: Socket, obey: Obey): Promise<void> {
  const send = (reply: unknown) => {
    if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`);
  };
  try {
    const order = ControlOrder.parse(JSON.parse(await readLine(socket)));
    send({ ok: (await obey(order, (progress) => send({ progress }))) ?? null });
  } catch (error) {
    const known =
      error instanceof P2posError ? error : new P2posError('BAD_REQUEST', { reason: String(error) });
    send({ error: { code: known.code, message: known.message, details: known.details } });
  }
  socket.end();
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
      else if (text.length > MAX_ORDER_BYTES) reject(new Error('the order is too long'));
    });
    socket.once('close', () => reject(new Error('the order is incomplete')));
  });
}

/** Sends one order and waits for its outcome. DEV_NOT_RUNNING where nobody takes orders. */
export async function sendOrder(
  layout: Layout,
  order: ControlOrder,
  progress: (text: string) => void,
  signal?: AbortSignal,
): Promise<unknown> {
  const notRunning = (cause?: unknown) => new P2posError('DEV_NOT_RUNNING', { home: layout.home }, { cause });
  const address = readJsonFile(layout.control, Address);
  if (!address) throw notRunning();
  const socket = connect(address.socket);
  const stop = () => socket.destroy(new P2posError('CANCELLED'));
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (cause) => reject(notRunning(cause)));
    });
    socket.write(`${JSON.stringify(order)}\n`);
    for await (const line of createInterface({ input: socket })) {
      const reply = Reply.parse(JSON.parse(line));
      if ('progress' in reply) progress(reply.progress);
      else if ('error' in reply) throw toError(reply.error);
      else return reply.ok;
    }
    throw new P2posError('DEV_NOT_RUNNING', { home: layout.home });
  } finally {
    signal?.removeEventListener('abort', stop);
    socket.destroy();
  }
}

function toError({
  code,
  message,
  details,
}: {
  code: string;
  message: string;
  details: Record<string, unknown>;
}) {
  return isErrorCode(code)
    ? new P2posError(code, details)
    : new P2posError('BAD_REQUEST', { reason: message });
}
