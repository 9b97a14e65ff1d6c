/** The life of a node's process: start, serve until told to end, undo everything within a bound. */
import { flushCompileCache } from 'node:module';
import type { ReloadOutcome } from '@p2pos/protocol';
import type { Config } from '../config/index.ts';
import type { Clock } from '../core/clock/index.ts';
import type { Logger } from '../core/log/index.ts';
import type { Supervisor } from '../gateway/index.ts';
import { complain, exitCodeOf } from './complaint.ts';
import { createSupervisorChannel } from './supervisor-channel.ts';

export interface RunningNode extends AsyncDisposable {
  readonly peerId: string;
  /** Base address of its HTTP door. */
  readonly httpUrl: string;
  addresses(): readonly string[];
  /** Aborts when it cannot go on, its disk failed for instance; the reason is the error. */
  readonly failed?: AbortSignal | undefined;
}

export interface NodeContext {
  readonly home: string;
  readonly log: Logger;
  /** Present when whoever started this process takes orders. */
  readonly supervisor?: Supervisor | undefined;
  /** Reads the settings again. @throws P2posError CONFIG_INVALID, and nothing changed */
  readonly reload?: (() => ReloadOutcome) | undefined;
  /** Ends the process in order with the exit code that the launcher takes for a wish to be started anew. */
  readonly restart?: (() => void) | undefined;
}

export type CreateNode = (config: Config, context: NodeContext) => Promise<RunningNode>;

export interface RunDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly createNode: CreateNode;
  readonly process: NodeJS.Process;
  readonly reload?: () => ReloadOutcome;
}

export interface RunConfig {
  readonly config: Config;
  readonly home: string;
  /** From the wish to end until the process is ended by force. Default 20 s. */
  readonly stopTimeoutMs?: number;
}

/** What the launcher starts anew at once (EX_TEMPFAIL of sysexits.h). */
const RESTART_CODE = 75;
/** After all was undone, for the last lines of the log to leave. */
const LINGER_MS = 1_000;

/** Resolves to the exit code when the node has ended. The process ends by itself then, or after `stopTimeoutMs`. */
export async function runNode(
  deps: RunDeps,
  { config, home, stopTimeoutMs = 20_000 }: RunConfig,
): Promise<number> {
  const { clock, log, process } = deps;
  const isSupervised = process.send !== undefined;
  const asked = Promise.withResolvers<void>();
  let exitCode = 0;
  let phase = 'start' as 'start' | 'serve' | 'end';

  /** The first wish counts; later ones do not hurry it, since a Ctrl-C often arrives twice. */
  function end(why: string): void {
    if (phase === 'end') return;
    log.info({ action: 'stop', why, phase }, 'node is ending');
    phase = 'end';
    asked.resolve();
    endByForce();
  }

  /** Keeps nothing alive: it fires only while something else does. */
  function endByForce(): void {
    clock.after(stopTimeoutMs, () => {
      const hanging = [...new Set(process.getActiveResourcesInfo())].join(' ');
      log.error(
        { action: 'stop_timeout', stopTimeoutMs, hanging },
        'node did not end in time and was ended by force',
      );
      process.exit(1);
    });
  }

  /** What `p2pctl config reload` and SIGHUP do; a mistake in the files leaves everything as it was (T10). */
  function reload(why: string): ReloadOutcome {
    try {
      const outcome = deps.reload?.() ?? { applied: [], needsRestart: [] };
      log.info({ action: 'config_reload', why, ...outcome }, 'settings read again');
      return outcome;
    } catch (error) {
      log.error({ action: 'config_reload', why, error }, 'the settings have mistakes: none was taken up');
      throw error;
    }
  }

  function restart(): void {
    exitCode = RESTART_CODE;
    end('it restarts');
  }

  function reloadAtSignal(): void {
    try {
      reload('SIGHUP');
    } catch {
      // Logged.
    }
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end(signal));
  process.on('SIGHUP', reloadAtSignal);
  if (isSupervised) process.on('disconnect', () => end('the supervisor is gone'));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.error({ action: 'crash', event, error }, 'an error that nothing expected');
      process.exit(1);
    });
  }
  // What the process ends with should its event loop run empty before disposal is done.
  process.exitCode = 1;

  const supervisor = isSupervised ? createSupervisorChannel(process, clock) : undefined;
  try {
    await using node = await deps.createNode(config, {
      home,
      log,
      supervisor,
      reload: () => reload('api'),
      restart,
    });
    node.failed?.addEventListener('abort', () => end('it failed'));
    if (phase === 'start') {
      phase = 'serve';
      const { peerId, httpUrl: http } = node;
      const p2p = node.addresses();
      // At once, since a node that is killed never comes to the end where it would be written.
      flushCompileCache();
      log.info({ action: 'ready', peerId, http, p2p }, 'node serves');
      if (process.connected)
        process.send?.({ event: 'ready', http, p2p, peerId, pid: process.pid }, () => {});
    }
    await asked.promise;
    if (node.failed?.aborted) throw node.failed.reason;
  } catch (error) {
    const code = exitCodeOf(error);
    if (code === 1) log.error({ action: 'failed', error }, 'node failed');
    complain(error);
    if (phase !== 'end') endByForce();
    phase = 'end';
    return code;
  } finally {
    if (process.connected) process.disconnect();
  }
  log.info({ action: 'stopped' }, 'node ended');
  // All is undone and durable; a socket that some library forgot does not keep the process.
  clock.after(LINGER_MS, () => process.exit(exitCode));
  return exitCode;
}
