/** The command that runs under a lock, until it ends or must. */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Clock } from '../clock.ts';

export interface ChildLimits {
  /** Aborts when it must not go on. */
  readonly lost: AbortSignal;
  /** Aborts when it shall end, for which it may take its time. */
  readonly stop: AbortSignal;
  readonly clock: Clock;
}

/** Between SIGTERM and SIGKILL once the lock is lost: the next holder may be at work already. */
const GRACE_MS = 5_000;

/** Its exit code, 128 + n when signal n ended it; 127: there is no such program, 126: it could not be run. */
export async function endOf(child: ChildProcess, { lost, stop, clock }: ChildLimits): Promise<number> {
  const ended = Promise.withResolvers<number>();
  using timers = new DisposableStack();
  const end = () => void child.kill('SIGTERM');
  const mustEnd = () => {
    end();
    timers.use(clock.after(GRACE_MS, () => child.kill('SIGKILL')));
  };
  child.once('error', (error) => {
    if (child.pid === undefined) ended.resolve('code' in error && error.code === 'ENOENT' ? 127 : 126);
  });
  child.once('exit', (code, signal) => ended.resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  for (const [told, act] of [
    [lost, mustEnd],
    [stop, end],
  ] as const) {
    if (told.aborted) act();
    told.addEventListener('abort', act, { once: true });
    timers.defer(() => told.removeEventListener('abort', act));
  }
  return await ended.promise;
}
