/** One call on its way through its rounds: its deadline, what stood in its way, and with which error it ends. */
import { isErrorCode, isP2posError, P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../clock/index.ts';
import type { Preference } from '../coordinator/preference.ts';
import type { Placed } from '../format/wire.ts';
import { majorityOf } from '../placement/quorum.ts';
import type { Topology } from '../placement/topology.ts';
import type { Polled } from './poll.ts';

export interface CourseDeps {
  readonly topology: Topology;
  readonly preference: Preference;
  readonly clock: Clock;
}

export interface Course extends Disposable {
  /** For `poll`. */
  readonly limits: { readonly deadlineAt: number; readonly signal: AbortSignal };
  restMs(): number;
  /**
   * Waits so long, and until the snapshot in force is known.
   * @throws P2posError RECORDS_QUORUM_LOST past the deadline, the caller's reason, NODE_CLOSING
   */
  next(delayMs: number): Promise<Placed>;
  /** Whether the round got what it needed; false: another may. @throws P2posError when none will */
  passed(polled: Polled): boolean;
  /** From now on nobody can say that the change had no effect. */
  mayHaveEffect(): void;
  lost(): P2posError;
  /** What the caller is told of an error that ended the call: what it says of this try does not hide an earlier one. */
  told(error: unknown): unknown;
}

/** Between two tries while the nodes learn a new snapshot. */
const RESEND_MS = 25;
const RETRY_AFTER_MS = 1_000;

export function createCourse(
  { topology, clock }: CourseDeps,
  {
    timeoutMs,
    signal,
    closing,
  }: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal | undefined;
    readonly closing: AbortSignal;
  },
): Course {
  const deadlineAt = clock.monotonic() + timeoutMs;
  const ended = new AbortController();
  const end = () => ended.abort();
  for (const source of [signal, closing]) {
    if (source?.aborted) end();
    source?.addEventListener('abort', end, { once: true });
  }
  let unsure = false;
  let last: Polled | undefined;
  let stale = false;

  function lost(cause?: unknown): P2posError {
    const { shortfall, refusals = [] } = last ?? {};
    const refusal = refusals.find((code) => code !== 'VERSION_AHEAD') ?? refusals[0];
    const code = refusal !== undefined && isErrorCode(refusal) ? refusal : 'RECORDS_QUORUM_LOST';
    const outcome = unsure ? 'unknown' : 'none';
    const details = {
      answered: 0,
      needed: majorityOf(3),
      ...shortfall,
      outcome,
      retryAfterMs: RETRY_AFTER_MS,
    };
    return new P2posError(code, details, { cause });
  }

  function told(error: unknown): unknown {
    if (signal?.aborted && error === signal.reason) return error;
    if (isP2posError(error) && error.details['outcome'] !== undefined) return error;
    if (unsure) return lost(error);
    return isP2posError(error)
      ? new P2posError(error.code, { ...error.details, outcome: 'none' }, { cause: error })
      : error;
  }

  /** @throws what ends the call */
  function check(): void {
    if (signal?.aborted) throw signal.reason;
    if (closing.aborted) throw unsure ? lost() : new P2posError('NODE_CLOSING');
    if (clock.monotonic() >= deadlineAt) throw lost();
  }

  async function pause(delayMs: number): Promise<void> {
    const rest = Math.max(0, deadlineAt - clock.monotonic());
    await sleep(clock, Math.min(delayMs, rest), { signal: ended.signal }).catch(() => {});
  }

  return {
    limits: { deadlineAt, signal: ended.signal },
    restMs: () => Math.max(1, Math.ceil(deadlineAt - clock.monotonic())),
    async next(delayMs) {
      const wait = stale ? Math.max(RESEND_MS, delayMs) : delayMs;
      stale = false;
      if (wait > 0) await pause(wait);
      for (;;) {
        check();
        try {
          const { epoch, hash } = topology.current();
          return { epoch, placement: hash };
        } catch (error) {
          if (!isP2posError(error, 'PLACEMENT_STALE')) throw unsure ? lost() : error;
        }
        await topology.ready();
        await pause(RESEND_MS);
      }
    },
    passed(polled) {
      last = polled;
      if (polled.result === 'yes') return true;
      check();
      stale = polled.result === 'stale';
      if (!stale && polled.behind === undefined) throw lost();
      return false;
    },
    mayHaveEffect() {
      unsure = true;
    },
    lost,
    told,
    [Symbol.dispose]() {
      for (const source of [signal, closing]) source?.removeEventListener('abort', end);
    },
  };
}
