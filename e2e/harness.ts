/** A development system of real processes in a temporary folder, driven as a person would, ended with the test. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { type Client, connect } from '../packages/sdk/src/index.ts';

export const CLONE = fileURLToPath(new URL('..', import.meta.url));
const P2PCTL = join(CLONE, 'packages/cli/bin/p2pctl.mjs');

export interface DevNodeInfo {
  readonly name: string;
  readonly pid: number | null;
  readonly peerId: string;
  readonly http: string;
  readonly p2p: readonly string[];
  readonly home: string;
  readonly tokenFile: string;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface DevSystem extends AsyncDisposable {
  readonly home: string;
  readonly port: number;
  nodes(): DevNodeInfo[];
  node(index: number): DevNodeInfo;
  client(...indices: number[]): Client;
  token(index: number): string;
  p2pctl(...words: string[]): Promise<Outcome>;
  /** What `dev` printed so far. */
  output(): string;
  /** `kill -9`. */
  kill(index: number): void;
  /** Ends the supervisor with the signal and waits until it and all nodes are gone. */
  end(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same home; resolves when it is ready. */
  start(...words: string[]): Promise<void>;
  /** Process of the supervisor. */
  readonly process: ChildProcess;
}

export interface DevOptions {
  readonly nodes?: number;
  readonly words?: readonly string[];
  /** For all of them to start. Default 60 s. */
  readonly patienceMs?: number;
}

export async function startDev({
  nodes: count = 3,
  words = [],
  patienceMs = 60_000,
}: DevOptions = {}): Promise<DevSystem> {
  const folder = await createTempFolder();
  const home = join(folder.path, 'dev');
  let port = await freePorts(count + 2);
  let supervisor!: ChildProcess;
  let output = '';

  const nodes = () =>
    (JSON.parse(readFileSync(join(home, 'dev.json'), 'utf8')) as { nodes: DevNodeInfo[] }).nodes;
  const node = (index: number) => {
    const found = nodes()[index];
    if (!found) throw new RangeError(`there is no node ${index}`);
    return found;
  };
  const hasEnded = () => supervisor.exitCode !== null || supervisor.signalCode !== null;
  const token = (index: number) => readFileSync(node(index).tokenFile, 'utf8').trim();

  async function start(...more: string[]): Promise<void> {
    output = '';
    const args = [P2PCTL, 'dev', '--home', home, '--port', String(port), ...more];
    supervisor = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    supervisor.stdout?.on('data', (chunk) => (output += chunk));
    supervisor.stderr?.on('data', (chunk) => (output += chunk));
    await eventually(() => /^page: /m.test(output) || hasEnded() || refuse(output), {
      timeoutMs: patienceMs,
    });
    if (hasEnded()) refuse(output);
  }

  async function end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const pids = nodes().flatMap(({ pid }) => (pid === null ? [] : [pid]));
    if (!hasEnded()) {
      const ended = new Promise((resolve) => supervisor.once('exit', resolve));
      supervisor.kill(signal);
      await ended;
    }
    await eventually(() => !pids.some(isAlive), { timeoutMs: 30_000 });
  }

  for (let attempt = 1; ; attempt++) {
    try {
      await start('--nodes', String(count), ...words);
      break;
    } catch (error) {
      supervisor.kill('SIGTERM');
      // Another process may take a port between the look at it and its use.
      if (attempt === 3 || !PORT_TAKEN.test(output)) throw error;
      rmSync(home, { recursive: true, force: true });
      port = await freePorts(count + 2);
    }
  }
  return {
    home,
    port,
    nodes,
    node,
    token,
    start,
    end,
    output: () => output,
    get process() {
      return supervisor;
    },
    client: (...indices) =>
      connect({
        url: indices.map((index) => node(index).http),
        token: token(indices[0] ?? 0),
        maxAttempts: 1,
      }),
    p2pctl: (...more) => p2pctl(...more, '--home', home),
    kill(index) {
      const { pid } = node(index);
      if (pid !== null) process.kill(pid, 'SIGKILL');
    },
    async [Symbol.asyncDispose]() {
      await end().catch(() => {});
      await folder[Symbol.asyncDispose]();
    },
  };
}

/**
 * One system for several tests of a file, which leave it as the next can use it: the first that asks starts it, and it
 * ends with the file.
 */
export function shareDev(options?: DevOptions): () => Promise<DevSystem> {
  let started: Promise<DevSystem> | undefined;
  after(async () => (await started?.catch(() => undefined))?.[Symbol.asyncDispose]());
  return () => (started ??= startDev(options));
}

export function p2pctl(...words: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [P2PCTL, ...words], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** One of those for clients, or one of those that were chosen for other nodes. */
const PORT_TAKEN = /^error: (DEV_PORT_BUSY|NODE_START_FAILED: \S+ did not start: its port)/m;

/** Below the ports that the system gives to outgoing connections. */
let nextBase = 22_000 + (process.pid % 500) * 20;

/** The first of so many ports in a row that nobody listens on. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const base = nextBase;
    nextBase = 22_000 + ((base + count - 22_000) % 10_000);
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(base + i)));
    if (free.every(Boolean)) return base;
  }
}

function refuse(output: string): never {
  throw new Error(output);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
