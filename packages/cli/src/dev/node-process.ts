/** One node as a child process, spoken to over its channel; when the channel closes the node ends by itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { P2posError } from '@p2pos/protocol';
import { lastLines, openLog } from './log-file.ts';

/** What a node says once it serves. */
export interface Ready {
  readonly http: string;
  readonly p2p: readonly string[];
  readonly peerId: string;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** One sentence, as far as the node told why. */
  readonly reason: string;
  readonly lastLines: readonly string[];
}

/** What a node asks of its supervisor: its page has buttons for it. */
export interface Order {
  readonly op: 'kill' | 'start' | 'nodes';
  readonly name: string;
}

export interface NodeProcess {
  readonly pid: number;
  /** Settles with undefined when the process ended before it was ready. */
  readonly ready: Promise<Ready | undefined>;
  readonly ended: Promise<Ending>;
  /** Asks it to stop in order. */
  stop(): void;
  kill(): void;
}

export interface NodeCommand {
  /** The node's executable. */
  readonly main: string;
  readonly home: string;
  readonly log: string;
}

/** Settings of one node that must not reach five of them. */
const ONE_NODE_ONLY = /^P2POS_(HOME|HTTP_|NET_LISTEN|SYSTEM_|DISCOVERY_)/;

/** A small young generation: an idle node takes about 20 MB less, and calls cost no more. */
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=8'];

export function spawnNode(command: NodeCommand, onOrder: (order: Order) => Promise<unknown>): NodeProcess {
  using log = openLog(command.log);
  const child = spawn(process.execPath, [...NODE_FLAGS, command.main, 'run', '--home', command.home], {
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
    // A session of its own: Ctrl-C reaches the supervisor alone, which then stops the nodes in order.
    detached: true,
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !ONE_NODE_ONLY.test(name))),
  });
  const ready = Promise.withResolvers<Ready | undefined>();
  const ended = Promise.withResolvers<Ending>();
  let failure: string | undefined;
  child.on('message', (message: unknown) => {
    const event = readEvent(message);
    if (event?.event === 'ready') ready.resolve(event.ready);
    else if (event?.event === 'failed') failure = event.reason;
    else if (event?.event === 'order') void answer(child, event.id, onOrder(event.order));
  });
  const end = (code: number | null, signal: NodeJS.Signals | null, error?: Error) => {
    const lines = lastLines(command.log, 5, log.startsAt);
    const reason = failure ?? error?.message ?? reasonFrom(lines) ?? describeExit(code, signal);
    ready.resolve(undefined);
    ended.resolve({ code, signal, reason, lastLines: lines });
  };
  child.once('error', (error) => {
    if (child.pid === undefined) end(null, null, error);
  });
  child.once('exit', (code, signal) => end(code, signal));
  return {
    pid: child.pid ?? 0,
    ready: ready.promise,
    ended: ended.promise,
    stop: () => void child.kill('SIGTERM'),
    kill: () => void child.kill('SIGKILL'),
  };
}

type NodeEvent =
  | { readonly event: 'ready'; readonly ready: Ready }
  | { readonly event: 'failed'; readonly reason: string }
  | { readonly event: 'order'; readonly id: unknown; readonly order: Order };

function readEvent(message: unknown): NodeEvent | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { event, op, id, name, http, p2p, peerId, reason } = message as Record<string, unknown>;
  if (event === 'ready' && typeof http === 'string' && typeof peerId === 'string' && Array.isArray(p2p)) {
    return { event, ready: { http, peerId, p2p: p2p.map(String) } };
  }
  if (event === 'failed' && typeof reason === 'string') return { event, reason };
  if (op === 'kill' || op === 'start' || op === 'nodes') {
    return { event: 'order', id, order: { op, name: typeof name === 'string' ? name : '' } };
  }
  return undefined;
}

async function answer(child: ChildProcess, id: unknown, work: Promise<unknown>): Promise<void> {
  const reply = await work.then(
    (ok) => ({ id, ok }),
    (error: unknown) => {
      const known = error instanceof P2posError ? error : new P2posError('INTERNAL', {}, { cause: error });
      return { id, error: { code: known.code, message: known.message, details: known.details } };
    },
  );
  // The node may be gone by now (it may have asked for its own end).
  if (child.connected) child.send(reply, () => {});
}

/** The last line that reads like a complaint: `… error … msg="…"` of the log format, or `error: …`. */
function reasonFrom(lines: readonly string[]): string | undefined {
  for (const line of lines.toReversed()) {
    const text = /^error: (.+)$/.exec(line)?.[1] ?? /\berror\s.*\bmsg="([^"]+)"/.exec(line)?.[1];
    if (text !== undefined) return text;
  }
  return undefined;
}

function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `it ended with exit code ${code ?? 'unknown'}` : `it was ended by ${signal}`;
}
