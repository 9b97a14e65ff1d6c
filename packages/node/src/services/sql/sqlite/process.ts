/** The node's end of the sqlite engine's process: sends jobs, ends a statement that does not, starts the process again. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../../../core/clock/index.ts';
import type { Logger } from '../../../core/log/index.ts';
import { tether } from '../processes/tether.ts';
import type { FileLimits, Job, JobAnswer, Work } from './job.ts';

export interface SqliteHost extends AsyncDisposable {
  /** Never rejects for what SQL does: that is the answer's `failure`. @throws P2posError OVERLOADED, NODE_CLOSING */
  run(work: Work & { readonly file: string }): Promise<JobAnswer>;
}

export interface SqliteProcessDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

export interface SqliteProcessConfig {
  readonly folder: string;
  readonly statementTimeoutMs: number;
  readonly limits: FileLimits;
}

interface Waiting {
  readonly job: Job;
  readonly resolve: (answer: JobAnswer) => void;
  readonly reject: (error: Error) => void;
}

const MAX_WAITING = 20_000;
const STOP_MS = 5_000;
const MAX_RESTART_MS = 5_000;
const HEAP_MIB = 768;

export function createSqliteProcess(deps: SqliteProcessDeps, config: SqliteProcessConfig): SqliteHost {
  const { clock, log } = deps;
  const { folder, statementTimeoutMs, limits } = config;
  const progressFile = join(folder, 'sqlite.job');
  const checkMs = Math.min(250, Math.ceil(statementTimeoutMs / 4));
  const waiting = new Map<number, Waiting>();
  let child: ChildProcess | undefined;
  let outbox: Job[] = [];
  let lastId = 0;
  let failures = 0;
  let closing = false;
  let checking: Disposable | undefined;
  let suspect = { id: 0, since: 0 };
  let overdue: number | undefined;

  function start(): ChildProcess {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const node = ['--disable-warning=ExperimentalWarning', `--max-old-space-size=${HEAP_MIB}`];
    const tied = tether(process.execPath, node);
    const started = fork(
      fileURLToPath(new URL('./child.ts', import.meta.url)),
      [progressFile, JSON.stringify(limits)],
      {
        execPath: tied.command,
        execArgv: [...tied.words],
        env: { NODE_COMPILE_CACHE: getCompileCacheDir() ?? '' },
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    );
    started.stderr?.on('data', (chunk: Buffer) =>
      log.warn(
        { action: 'sql_engine_says', text: chunk.toString().slice(0, 2_000) },
        'the sqlite engine complained',
      ),
    );
    started.on('message', (answers: JobAnswer[]) => {
      failures = 0;
      for (const answer of answers) settle(answer.id, ({ resolve }) => resolve(answer));
    });
    // 'exit' follows, or, where it could not be started at all, nothing.
    started.on('error', (error) => ended(started, error.message));
    started.on('exit', (code, signal) => ended(started, signal ?? `code ${code}`));
    return started;
  }

  function settle(id: number, use: (waiting: Waiting) => void): void {
    const found = waiting.get(id);
    waiting.delete(id);
    if (found) use(found);
    if (waiting.size === 0) {
      checking?.[Symbol.dispose]();
      checking = undefined;
    }
  }

  /** What was running is answered as failed; all others, whose writes are known by their keys, run again. */
  function ended(which: ChildProcess, how: string): void {
    if (child !== which) return;
    child = undefined;
    if (closing) return;
    const id = runningNow();
    const late = overdue !== undefined && overdue === id;
    overdue = undefined;
    const failure = late
      ? { code: 'SQL_TIMEOUT', details: { timeoutMs: statementTimeoutMs } }
      : { code: 'SQL_ENGINE_FAILED', details: { reason: `its process ended (${how}) while this ran` } };
    settle(id, ({ resolve }) => resolve({ id, failure }));
    log.warn({ action: 'sql_engine_ended', how, late }, 'the sqlite engine ended and is started again');
    outbox = [];
    if (!late) failures += 1;
    const delayMs = failures === 0 ? 0 : Math.min(MAX_RESTART_MS, 50 * 2 ** failures);
    clock.after(delayMs, () => {
      outbox = [...waiting.values()].map(({ job }) => job);
      if (outbox.length > 0) flush();
    });
  }

  function runningNow(): number {
    try {
      const bytes = readFileSync(progressFile);
      return bytes.length >= 8 ? bytes.readDoubleLE(0) : 0;
    } catch {
      return 0;
    }
  }

  function check(): void {
    checking = clock.after(checkMs, check);
    const id = runningNow();
    const now = clock.monotonic();
    if (id !== suspect.id || !waiting.has(id)) suspect = { id, since: now };
    else if (now - suspect.since >= statementTimeoutMs) {
      overdue = id;
      child?.kill('SIGKILL');
    }
  }

  function flush(): void {
    if (outbox.length === 0 || closing) return;
    child ??= start();
    const jobs = outbox;
    outbox = [];
    // A failure to send shows as the child's end.
    child.send(jobs, () => {});
  }

  return {
    run(work) {
      if (closing) return Promise.reject(new P2posError('NODE_CLOSING'));
      if (waiting.size >= MAX_WAITING)
        return Promise.reject(new P2posError('OVERLOADED', { what: 'The sqlite engine' }));
      return new Promise((resolve, reject) => {
        const job: Job = { ...work, id: ++lastId };
        waiting.set(job.id, { job, resolve, reject });
        if (outbox.length === 0) setImmediate(flush);
        outbox.push(job);
        checking ??= clock.after(checkMs, check);
      });
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      checking?.[Symbol.dispose]();
      for (const { reject } of waiting.values()) reject(new P2posError('NODE_CLOSING'));
      waiting.clear();
      const last = child;
      if (!last || last.exitCode !== null || last.signalCode !== null) return;
      const gone = new Promise<void>((resolve) => last.once('exit', () => resolve()));
      using _ = clock.after(STOP_MS, () => last.kill('SIGKILL'));
      if (last.connected) last.disconnect();
      await gone;
    },
  };
}
