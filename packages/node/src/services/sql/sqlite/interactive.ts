/** Transactions of several calls on one file: one at a time, for a lease that nobody prolongs; other writes wait. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../../core/clock/index.ts';
import type { EngineOptions, Interactive, Statement } from '../engine.ts';
import type { JobAnswer, JobStatement, Work } from './job.ts';

export const LEASE_MS = 10_000;

export interface InteractiveDeps {
  readonly clock: Clock;
  /** Of the database, for messages. */
  readonly name: string;
  /** @throws P2posError what went wrong */
  readonly run: (work: Work) => Promise<JobAnswer>;
  readonly onCommit: () => void;
}

interface Open {
  readonly transaction: string;
  readonly over: PromiseWithResolvers<void>;
  readonly lease: Disposable;
}

export function createInteractive({ clock, name, run, onCommit }: InteractiveDeps): {
  readonly interactive: Interactive;
  /** Starts the work at a moment when none is open. @throws P2posError SQL_BUSY */
  whenFree<T>(options: EngineOptions, work: () => Promise<T>): Promise<T>;
} {
  let open: Open | undefined;

  function ended(
    transaction: string,
    reason = `it was ended, or its ${LEASE_MS / 1_000} s are over`,
  ): P2posError {
    return new P2posError('SQL_TRANSACTION_ENDED', { database: name, transaction, reason });
  }

  function close(): void {
    open?.lease[Symbol.dispose]();
    open?.over.resolve();
    open = undefined;
  }

  async function whenFree<T>({ timeoutMs, signal }: EngineOptions, work: () => Promise<T>): Promise<T> {
    const until = clock.monotonic() + timeoutMs;
    while (open) {
      const leftMs = until - clock.monotonic();
      if (leftMs <= 0) throw new P2posError('SQL_BUSY', { database: name, withinMs: LEASE_MS });
      const patience = new AbortController();
      const either = signal ? AbortSignal.any([signal, patience.signal]) : patience.signal;
      await Promise.race([open.over.promise, sleep(clock, leftMs, { signal: either }).catch(() => {})]);
      patience.abort();
      signal?.throwIfAborted();
    }
    // Within the same turn as the look at `open`, or another could begin in between.
    return work();
  }

  async function hold(transaction: string): Promise<{ readonly expiresInMs: number }> {
    const lease = clock.after(LEASE_MS, () => {
      if (open?.transaction === transaction) void undo();
    });
    open = { transaction, lease, over: Promise.withResolvers() };
    try {
      await run({ kind: 'begin' });
    } catch (error) {
      close();
      throw error;
    }
    return { expiresInMs: LEASE_MS };
  }

  /** Nothing of it is kept; the next may begin. */
  async function undo(): Promise<void> {
    await run({ kind: 'rollback' }).catch(() => {});
    close();
  }

  return {
    whenFree,
    interactive: {
      begin: (transaction, options) => whenFree(options, () => hold(transaction)),
      async step(transaction, statement) {
        if (open?.transaction !== transaction) throw ended(transaction);
        try {
          const { results = [] } = await run({ kind: 'step', statement: jobOf(statement) });
          return results[0] ?? { changes: 0, lastInsertId: null };
        } catch (error) {
          // Whatever ended the process or rolled all back ended the transaction with it.
          const over = ['SQL_TRANSACTION_ENDED', 'SQL_TIMEOUT', 'SQL_ENGINE_FAILED'];
          if (isP2posError(error) && over.includes(error.code)) {
            await undo();
            if (error.code === 'SQL_TRANSACTION_ENDED') throw ended(transaction, 'it was rolled back');
          }
          throw error;
        }
      },
      async end(transaction, how) {
        if (open?.transaction !== transaction) {
          if (how === 'rollback') return undefined;
          throw ended(transaction);
        }
        if (how === 'rollback') {
          await undo();
          return undefined;
        }
        try {
          await run({ kind: 'commit' });
        } finally {
          close();
        }
        onCommit();
        return undefined;
      },
    },
  };
}

export function jobOf({ examined: { sql, verb, trusted = false }, params }: Statement): JobStatement {
  return { sql, verb, params, trusted };
}
