/** One rqlited: started, started again when it ends, ended with its node, its lines in a file beside its data. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../../core/clock/index.ts';
import type { Logger } from '../../../core/log/index.ts';
import { endLeftover, noteProcess } from '../processes/leftover.ts';
import { tether } from '../processes/tether.ts';
import { type Credentials, SERVER_NAME } from './credentials.ts';
import type { Program } from './program.ts';

export interface VoterConfig {
  readonly program: Program;
  readonly folder: string;
  readonly nodeId: string;
  /** On loopback. */
  readonly httpPort: number;
  readonly host: string;
  readonly raftPort: number;
  readonly credentials: Credentials;
  /** `host:port` of all voters, itself among them. */
  readonly voters: readonly string[];
  /** A founder waits for the others; one that comes later joins them. */
  readonly founds: boolean;
  /** Has everything, and no vote. */
  readonly reads?: boolean;
}

export interface Voter extends AsyncDisposable {
  /** Null while it is not running. */
  readonly pid: number | null;
  /** Why it ended last. */
  readonly problem: string | null;
  /** Ends it, does the work while nobody uses its files, and starts it again. */
  restart(work: () => Promise<void>): Promise<void>;
}

export interface VoterDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 10_000;
/** One that ran so long was well. */
const WELL_MS = 30_000;
const STOP_MS = 6_000;
const MAX_LOG_BYTES = 4 * 1_048_576;

export async function startVoter({ clock, log }: VoterDeps, config: VoterConfig): Promise<Voter> {
  const { program, folder } = config;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const at = (name: string) => join(folder, name);
  const pidFile = at('rqlited.pid');
  if (await endLeftover(pidFile, clock))
    log.warn(
      { action: 'sql_leftover_ended', folder },
      'an rqlited of an earlier life of this node was ended',
    );
  const words = wordsOf(config, at);
  let child: ChildProcess | undefined;
  let waiting: Disposable | undefined;
  let problem: string | null = null;
  let closing = false;
  let isStopped = false;
  let retryMs = FIRST_RETRY_MS;

  function start(): void {
    const output = openLog(at('rqlited.log'));
    const tied = tether(program.file, words);
    const started = spawn(tied.command, [...tied.words], {
      stdio: ['ignore', output, output],
      env: {},
      detached: true,
    });
    closeSync(output);
    const startedAt = clock.monotonic();
    child = started;
    if (started.pid !== undefined) noteProcess(pidFile, started.pid);
    const ended = (how: string) => {
      if (child !== started) return;
      child = undefined;
      if (isStopped) return;
      problem = `rqlited ended (${how}); its lines are in ${at('rqlited.log')}`;
      if (clock.monotonic() - startedAt > WELL_MS) retryMs = FIRST_RETRY_MS;
      log.warn({ action: 'sql_voter_ended', how, retryMs }, 'an rqlited ended and is started again');
      waiting = clock.after(retryMs, start);
      retryMs = Math.min(MAX_RETRY_MS, retryMs * 2);
    };
    started.on('error', (error) => ended(error.message));
    started.on('exit', (code, signal) => ended(signal ?? `code ${code}`));
  }

  async function stop(): Promise<void> {
    isStopped = true;
    waiting?.[Symbol.dispose]();
    const last = child;
    if (!last || last.exitCode !== null || last.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => last.once('exit', () => resolve()));
    using _ = clock.after(STOP_MS, () => last.kill('SIGKILL'));
    last.kill('SIGTERM');
    await gone;
  }

  start();
  return {
    get pid() {
      return child?.pid ?? null;
    },
    get problem() {
      return child ? null : problem;
    },
    async restart(work) {
      await stop();
      await work();
      retryMs = FIRST_RETRY_MS;
      isStopped = false;
      if (!closing) start();
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      await stop();
    },
  };
}

function wordsOf(config: VoterConfig, at: (name: string) => string): string[] {
  const { nodeId, httpPort, host, raftPort, credentials, voters, founds, reads = false } = config;
  const { user, password, certificate, key } = credentials;
  const secret = { mode: 0o600 };
  writeFileSync(at('auth.json'), JSON.stringify([{ username: user, password, perms: ['all'] }]), secret);
  writeFileSync(at('node.crt'), certificate, secret);
  writeFileSync(at('node.key'), key, secret);
  const raft = `${host}:${raftPort}`;
  return [
    ...['-node-id', nodeId],
    ...['-http-addr', `127.0.0.1:${httpPort}`],
    ...['-raft-addr', raft],
    ...['-auth', at('auth.json'), '-join-as', user],
    ...['-node-cert', at('node.crt'), '-node-key', at('node.key'), '-node-ca-cert', at('node.crt')],
    ...['-node-verify-client', '-node-verify-server-name', SERVER_NAME],
    ...(founds ? ['-bootstrap-expect', String(voters.length), '-bootstrap-expect-timeout', '10m'] : []),
    ...(reads ? ['-raft-non-voter=true'] : []),
    ...['-join', voters.filter((voter) => founds || voter !== raft).join(',')],
    ...['-join-attempts', '20', '-join-interval', '1s'],
    ...['-fk', at('data')],
  ];
}

/** Appended to; a long one is kept once as `.old`. */
function openLog(file: string): number {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) renameSync(file, `${file}.old`);
  return openSync(file, 'a', 0o600);
}
