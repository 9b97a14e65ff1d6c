/**
 * Up to where this node may give versions: a replica keeps what it is sent first by their author only up to so far ahead of
 * its time, so one beyond would lie on this node's disk alone, and block its key until that time has come.
 */
import { P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../clock/index.ts';
import type { CorrectedTime } from './corrected-time.ts';

export interface Ceiling {
  allows(ms: number): boolean;
  /**
   * A moment, after which the time may have been corrected. Who comes when others have waited in vain is refused at once.
   * @throws P2posError RECORDS_QUORUM_LOST where no other member has told its time, VERSION_AHEAD
   */
  pause(): Promise<void>;
}

export interface CeilingDeps {
  readonly clock: Clock;
  readonly time: Pick<CorrectedTime, 'earliest'>;
  /** Nobody else will judge the versions. */
  readonly isAlone: () => boolean;
}

export interface CeilingConfig {
  readonly maxAheadMs: number;
  /** How long those are held up that are not allowed, from the first on. */
  readonly patienceMs: number;
}

const WAIT_STEP_MS = 5;

export function createCeiling(
  { clock, time, isAlone }: CeilingDeps,
  { maxAheadMs, patienceMs }: CeilingConfig,
): Ceiling {
  let since: number | undefined;

  return {
    allows(ms) {
      const earliest = time.earliest();
      const allowed = isAlone() || (earliest !== undefined && ms <= earliest + maxAheadMs);
      if (allowed) since = undefined;
      return allowed;
    },
    async pause() {
      since ??= clock.monotonic();
      if (clock.monotonic() - since < patienceMs) return sleep(clock, WAIT_STEP_MS);
      if (time.earliest() !== undefined) throw new P2posError('VERSION_AHEAD', { maxAheadMs });
      throw new P2posError('RECORDS_QUORUM_LOST', { answered: 0, needed: 1, retryAfterMs: 1_000 });
    },
  };
}
