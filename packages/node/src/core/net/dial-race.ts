/**
 * Tries the addresses of a peer side by side, a little apart, the best first (RFC 8305): one that leads nowhere costs 250 ms
 * and not its whole timeout, as libp2p's own queue has it.
 */
import { type Clock, deadline } from '../clock/index.ts';
import type { Address } from './port.ts';

export interface RaceConfig {
  readonly signal: AbortSignal;
  readonly timeoutMs: (address: Address) => number;
  /** Before the next begins, unless one fails earlier. */
  readonly staggerMs?: number;
}

/** Resolves with the first that succeeds; the others are aborted. Rejects with an AggregateError when all failed. */
export async function race<T>(
  clock: Clock,
  addresses: readonly Address[],
  attempt: (address: Address, signal: AbortSignal) => Promise<T>,
  { signal: parent, timeoutMs, staggerMs = 250 }: RaceConfig,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const running = new Set<AbortController>();
  let isOver = false;
  const errors: unknown[] = [];
  let next = 0;
  let timer: Disposable | undefined;

  function begin(): void {
    timer?.[Symbol.dispose]();
    const address = addresses[next++];
    if (address === undefined || isOver) return;
    timer = clock.after(staggerMs, begin);
    const own = new AbortController();
    running.add(own);
    const limit = deadline(clock, timeoutMs(address), { what: address, signal: own.signal });
    Promise.race([attempt(address, limit.signal), aborted(limit.signal)])
      .finally(() => {
        // From here on nothing may abort it: sockets keep the signal that they were made with.
        running.delete(own);
        limit[Symbol.dispose]();
      })
      .then(resolve, (error) => {
        errors.push(error);
        if (errors.length === addresses.length) reject(new AggregateError(errors, 'no address answers'));
        else begin();
      });
  }

  const stop = () => reject(parent.reason);
  parent.addEventListener('abort', stop, { once: true });
  if (parent.aborted) stop();
  else if (addresses.length === 0) reject(new AggregateError([], 'there is no address'));
  else begin();
  try {
    return await promise;
  } finally {
    timer?.[Symbol.dispose]();
    parent.removeEventListener('abort', stop);
    isOver = true;
    const reason = parent.aborted ? parent.reason : new Error('another address answered first');
    for (const other of running) other.abort(reason);
  }
}

/** Not every transport ends when it is told to. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
