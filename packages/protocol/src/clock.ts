/** Time as a port: a node brings its machine's clock, a page the browser's, the simulator a virtual one. */
import { P2posError } from './errors/errors.ts';

export interface Clock {
  /** Milliseconds since the Unix epoch, UTC, as this machine believes. May jump either way. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For durations and timeouts. */
  monotonic(): number;
  /** Runs `run` once after `delayMs`. Dispose to cancel. Does not keep the process alive. */
  after(delayMs: number, run: () => void): Disposable;
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
export function sleep(
  clock: Pick<Clock, 'after'>,
  delayMs: number,
  { signal }: WaitOptions = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      timer[Symbol.dispose]();
      reject(signal?.reason);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** A signal that aborts with `TIMEOUT` after `timeoutMs`, or with the parent's reason. Dispose it when done. */
export function deadline(
  clock: Clock,
  timeoutMs: number,
  { what, signal }: { readonly what: string; readonly signal?: AbortSignal | undefined },
): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const follow = () => controller.abort(signal?.reason);
  if (signal?.aborted) follow();
  signal?.addEventListener('abort', follow, { once: true });
  const timer = clock.after(timeoutMs, () =>
    controller.abort(new P2posError('TIMEOUT', { what, timeoutMs })),
  );
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      timer[Symbol.dispose]();
      signal?.removeEventListener('abort', follow);
    },
  };
}
