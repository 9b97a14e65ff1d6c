/** Whether this node can do its work: named checks, each with what is wrong and what to do (D13). */
import { type Health, type HealthCheck, type HealthStatus, P2posError } from '@p2pos/protocol';
import { type Clock, deadline } from '../../core/clock/index.ts';

export interface Check {
  readonly name: string;
  /** Throwing, or not answering in time, is `failing`. */
  run(): Promise<Omit<HealthCheck, 'name'>> | Omit<HealthCheck, 'name'>;
}

export interface HealthMonitor {
  /** Many who ask at once, and within the quarter of a second after, share one round. */
  check(): Promise<Health>;
}

/** The door answers anyone on this machine; that must cost little, and be told nothing that is long past. */
export const FRESH_MS = 250;
const WORST_LAST: readonly HealthStatus[] = ['ok', 'degraded', 'failing'];

export function createHealth(
  { clock }: { readonly clock: Clock },
  checks: readonly Check[],
  { timeoutMs = 5_000, freshMs = FRESH_MS }: { readonly timeoutMs?: number; readonly freshMs?: number } = {},
): HealthMonitor {
  let round: { readonly health: Promise<Health>; readonly startedAt: number; isOver: boolean } | undefined;

  async function run({ name, run }: Check): Promise<HealthCheck> {
    using limit = deadline(clock, timeoutMs, { what: `The check of the ${name}` });
    const { signal } = limit;
    try {
      const late = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
      return { name, ...(await Promise.race([run(), late])) };
    } catch (error) {
      const cause = error instanceof P2posError ? error : new P2posError('INTERNAL', {}, { cause: error });
      return { name, status: 'failing', detail: cause === error ? cause.message : String(error) };
    }
  }

  async function checkAll(): Promise<Health> {
    const results = await Promise.all(checks.map(run));
    const worst = Math.max(0, ...results.map(({ status }) => WORST_LAST.indexOf(status)));
    return { status: WORST_LAST[worst] ?? 'failing', checks: results };
  }

  return {
    check() {
      const now = clock.monotonic();
      // What a check saw is as old as its round.
      if (round && (!round.isOver || now - round.startedAt < freshMs)) return round.health;
      const begun = { health: checkAll(), startedAt: now, isOver: false };
      void begun.health.finally(() => {
        begun.isOver = true;
      });
      round = begun;
      return begun.health;
    },
  };
}
