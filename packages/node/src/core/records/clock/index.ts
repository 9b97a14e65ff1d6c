/**
 * The clock of a node's records: what time it is by the agreement of the members, and versions that ascend over restarts and
 * that no replica refuses as too far ahead.
 *
 * @example
 * const { now, hybridClock } = await openRecordClock(deps, { maxAheadMs: 10_000 });
 * const [stamp] = await hybridClock.take(1);
 */
import { P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../clock/index.ts';
import type { Liveness } from '../../liveness/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { RecordsMembership } from '../placement/topology.ts';
import type { RecordTable } from '../replica/store.ts';
import { type Ceiling, createCeiling } from './ceiling.ts';
import { type CorrectedTime, createCorrectedTime } from './corrected-time.ts';
import { createHybridClock, type HybridClock } from './hybrid-clock.ts';

/** Less than a write has, more than two pings: who does not know this node as a member yet answers the second. */
const PATIENCE_MS = 4_000;
const WAIT_STEP_MS = 5;

export interface RecordClock extends CorrectedTime {
  readonly ceiling: Ceiling;
  readonly hybridClock: HybridClock;
  /** Corrected time, ms, once it is neither ahead of what others tell nor behind. @throws P2posError as `Ceiling.pause` */
  trustedNow(): Promise<number>;
}

export interface RecordClockDeps {
  readonly self: PeerId;
  readonly clock: Clock;
  readonly liveness: Pick<Liveness, 'clocks'>;
  readonly membership: Pick<RecordsMembership, 'view'>;
  readonly table: Pick<RecordTable, 'reserve' | 'reservedMs'>;
}

export async function openRecordClock(
  { self, clock, liveness, membership, table }: RecordClockDeps,
  { maxAheadMs }: { readonly maxAheadMs: number },
): Promise<RecordClock> {
  const isAlone = () => membership.view().members.size === 1 && membership.view().members.has(self);
  const time = createCorrectedTime({ clock, clocks: () => liveness.clocks(), isAlone });
  const ceiling = createCeiling({ clock, time, isAlone }, { maxAheadMs, patienceMs: PATIENCE_MS });
  const hybridClock = createHybridClock(
    { now: time.now, reserve: (boundMs) => table.reserve(boundMs), ceiling },
    { reservedMs: await table.reservedMs() },
  );
  return {
    ...time,
    ceiling,
    hybridClock,
    async trustedNow() {
      const patientUntil = clock.monotonic() + PATIENCE_MS;
      for (let ms = time.now(); ; ms = time.now()) {
        const isBehind = ms < (time.latest() ?? ms) - maxAheadMs;
        if (!ceiling.allows(ms)) await ceiling.pause();
        else if (!isBehind) return ms;
        else if (clock.monotonic() < patientUntil) await sleep(clock, WAIT_STEP_MS);
        else throw new P2posError('VERSION_AHEAD', { maxAheadMs });
      }
    },
  };
}
