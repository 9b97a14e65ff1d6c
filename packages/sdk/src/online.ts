/** Whether this machine has a network at all, as browsers tell it. Where nobody tells, it has. */
import type { Timing } from './timing.ts';

export interface Online {
  isOnline(): boolean;
  /** Runs `run` once, when there is a network again; the result cancels it. */
  onceOnline(run: () => void): () => void;
}

type Told = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>;

export const systemOnline: Online = {
  isOnline: () => (globalThis.navigator as { readonly onLine?: boolean } | undefined)?.onLine !== false,
  onceOnline(run) {
    const { addEventListener, removeEventListener } = globalThis as unknown as Partial<Told>;
    addEventListener?.call(globalThis, 'online', run, { once: true });
    return () => removeEventListener?.call(globalThis, 'online', run);
  },
};

/** This machine reaches itself without a network. */
export function onlineFor(urls: readonly string[], online: Online): Online {
  const local = urls.some((url) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname));
  return local ? { isOnline: () => true, onceOnline: (run) => online.onceOnline(run) } : online;
}

/** Resolves after `delayMs`, or as soon as there is a network again; rejects with the signal's reason. */
export function pauseOnline(
  { timing, online }: { readonly timing: Timing; readonly online: Online },
  delayMs: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancels: (() => void)[] = [];
    const end = (settle: () => void) => {
      for (const cancel of cancels) cancel();
      signal.removeEventListener('abort', stop);
      settle();
    };
    const stop = () => end(() => reject(signal.reason));
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    cancels.push(online.onceOnline(() => end(resolve)));
    if (delayMs !== undefined) cancels.push(timing.after(delayMs, () => end(resolve)));
  });
}
