/** Time and chance as dependencies: tests pass their own. */
export interface Timing {
  /** Milliseconds that never go back. */
  now(): number;
  /** Runs `run` once after `delayMs`; the result cancels it. */
  after(delayMs: number, run: () => void): () => void;
  /** Uniform in [0, 1). */
  random(): number;
}

export const systemTiming: Timing = {
  now: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
export function pause(timing: Timing, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = timing.after(delayMs, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** A signal that aborts after `timeoutMs` with `reason()`, or with the parent's reason. */
export function limit(
  timing: Timing,
  timeoutMs: number,
  { reason, parent }: { readonly reason: () => Error; readonly parent?: AbortSignal | undefined },
): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const follow = () => controller.abort(parent?.reason);
  if (parent?.aborted) follow();
  parent?.addEventListener('abort', follow, { once: true });
  const cancel = timing.after(timeoutMs, () => controller.abort(reason()));
  return {
    signal: controller.signal,
    release() {
      cancel();
      parent?.removeEventListener('abort', follow);
    },
  };
}
