/**
 * Leases on registers. The register keeps the token for ever and the holder until its time is over, so tokens only grow.
 * A holder counts its time from before it asked and gives up a margin early, so two never believe to hold one at once
 * while clocks run at about the same rate, whatever they show.
 */
import { decodeCbor, encodeCbor, isP2posError, P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../clock/index.ts';
import { jitter, type Random } from '../../random/index.ts';
import type { Lease, Leases, RecordKey, Registers, RegisterValue } from '../index.ts';

export interface LeasesDeps {
  readonly registers: Pick<Registers, 'read' | 'change'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Corrected time, ms. */
  readonly now: () => number;
}

/** Of its time a holder leaves unused; a third more than nodes' clocks are let differ would be needed only at the shortest. */
const MARGIN = 0.25;
export const LEAST_LEASE_MS = 1_000;
export const GREATEST_LEASE_MS = 3_600_000;

interface Holding {
  readonly token: number;
  /** Empty: nobody. */
  readonly holder: string;
  /** Corrected time, ms; by the clock of who wrote it. */
  readonly until: number;
}

export function createLeases({ registers, clock, random, now }: LeasesDeps): Leases {
  function holdingOf(found: RegisterValue | undefined): Holding {
    if (!found) return { token: 0, holder: '', until: 0 };
    const fields = decodeCbor(found.value, { maxBytes: 1_024 });
    const [token, holder, until] = Array.isArray(fields) ? (fields as unknown[]) : [];
    if (!Number.isSafeInteger(token) || typeof holder !== 'string' || typeof until !== 'number')
      throw new P2posError('RECORD_INVALID', { reason: 'it is no lease' });
    return { token: token as number, holder, until };
  }

  const encode = ({ token, holder, until }: Holding) => encodeCbor([token, holder, until]);

  return {
    async acquire({ holder, ttlMs, ...key }, { signal } = {}) {
      if (
        !(ttlMs >= LEAST_LEASE_MS && ttlMs <= GREATEST_LEASE_MS) ||
        holder.length === 0 ||
        holder.length > 256
      ) {
        const reason = `A lease is for ${LEAST_LEASE_MS} to ${GREATEST_LEASE_MS} ms, by a holder of 1 to 256 characters.`;
        throw new P2posError('BAD_REQUEST', { reason });
      }
      const found = await registers.read(key, { signal });
      const before = holdingOf(found);
      if (before.holder !== '' && before.until > now()) return undefined;
      const startedAt = clock.monotonic();
      const mine: Holding = { token: before.token + 1, holder, until: now() + ttlMs };
      try {
        const { version } = await registers.change(
          {
            ...key,
            value: encode(mine),
            condition: found ? { kind: 'version', version: found.version } : { kind: 'absent' },
          },
          { signal },
        );
        return hold(key, mine, version, startedAt, ttlMs);
      } catch (error) {
        if (isP2posError(error, 'CAS_CONDITION_FAILED')) return undefined;
        throw error;
      }
    },
  };

  function hold(key: RecordKey, mine: Holding, first: string, startedAt: number, ttlMs: number): Lease {
    const lost = new AbortController();
    const stopped = new AbortController();
    let version = first;
    let validUntil = startedAt + ttlMs * (1 - MARGIN);
    const lose = () => {
      if (!stopped.signal.aborted) lost.abort(new P2posError('LEASE_LOST', { token: mine.token }));
    };
    let timer = watch();

    /** Silence is not consent: when the time is over it is lost, whatever a renewal under way may still bring. */
    function watch(): Disposable {
      return clock.after(Math.max(0, validUntil - clock.monotonic()), () => {
        if (clock.monotonic() >= validUntil) lose();
        else timer = watch();
      });
    }

    async function renew(): Promise<void> {
      const { signal } = stopped;
      while (!lost.signal.aborted) {
        await sleep(clock, jitter(random, ttlMs / 3), { signal });
        const askedAt = clock.monotonic();
        const value = encode({ ...mine, until: now() + ttlMs });
        try {
          ({ version } = await registers.change(
            { ...key, value, condition: { kind: 'version', version } },
            { signal },
          ));
          validUntil = askedAt + ttlMs * (1 - MARGIN);
        } catch (error) {
          if (isP2posError(error, 'CAS_CONDITION_FAILED') && !(await isMine(signal))) return lose();
        }
      }
    }

    /** A renewal whose answer was lost may have taken effect. */
    async function isMine(signal: AbortSignal): Promise<boolean> {
      let found: RegisterValue | undefined;
      try {
        found = await registers.read(key, { signal });
      } catch {
        return true; // nobody knows; the time that is left decides
      }
      const held = holdingOf(found);
      if (!found || held.token !== mine.token || held.holder !== mine.holder) return false;
      version = found.version;
      return true;
    }

    const renewing = renew().catch(() => {});
    return {
      token: mine.token,
      lost: lost.signal,
      async [Symbol.asyncDispose]() {
        stopped.abort();
        timer[Symbol.dispose]();
        await renewing;
        const value = encode({ token: mine.token, holder: '', until: 0 });
        // Left to run out where it cannot be given back.
        await registers.change({ ...key, value, condition: { kind: 'version', version } }).catch(() => {});
      },
    };
  }
}
