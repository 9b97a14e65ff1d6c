/**
 * Leases (Gray and Cheriton 1989) on registers. The register holds the fencing token, the holder and until when; it is never
 * deleted, so tokens grow for ever. A holder counts from before it asked, by its own clock that never jumps; the others add a
 * margin for the skew of clocks before they take over. What a lease protects must refuse smaller tokens all the same.
 */
import { decodeCbor, encodeCbor, isP2posError, P2posError } from '@p2pos/protocol';
import { type Clock, deadline } from '../../clock/index.ts';
import { isWhole } from '../format/whole.ts';
import type { CallOptions, Grant, Lease, Leases, RecordKey, Registers, RegisterValue } from '../port.ts';

export interface LeasesDeps {
  readonly registers: Pick<Registers, 'read' | 'change'>;
  readonly clock: Clock;
  /** Corrected time, ms, once it can be relied on: a lease of a wrong clock is over at once, or lasts for hours. */
  readonly trustedNow: () => Promise<number>;
}

export interface LeasesConfig {
  /** How far the clocks of two members may be apart. */
  readonly skewMs: number;
}

interface Terms {
  readonly token: number;
  /** Undefined: nobody. */
  readonly holder: string | undefined;
  /** Corrected time, ms. */
  readonly until: number;
}

const FORM = 1;
const MIN_TTL_MS = 100;
const MAX_TTL_MS = 86_400_000;
const MAX_HOLDER_LENGTH = 256;
/** Tries after another changed the register meanwhile. */
const MAX_TRIES = 4;

/** `[form, token, holder | null, until]` */
function encodeTerms({ token, holder, until }: Terms): Uint8Array {
  return encodeCbor([FORM, token, holder ?? null, until]);
}

/** @throws P2posError RECORD_INVALID for what is no lease */
function decodeTerms({ value }: Pick<RegisterValue, 'value'>): Terms {
  const fields = decodeCbor(value, { maxBytes: 2_048 });
  const [form, token, holder, until] = Array.isArray(fields) ? (fields as unknown[]) : [];
  if (
    form !== FORM ||
    !isWhole(token) ||
    !isWhole(until) ||
    (holder !== null && typeof holder !== 'string')
  ) {
    throw new P2posError('RECORD_INVALID', { reason: 'the register holds no lease' });
  }
  return { token, holder: holder ?? undefined, until };
}

export function createLeases({ registers, clock, trustedNow }: LeasesDeps, { skewMs }: LeasesConfig): Leases {
  type Wanted = RecordKey & { readonly holder: string; readonly ttlMs: number };

  function check({ holder, ttlMs }: Pick<Wanted, 'holder' | 'ttlMs'>): void {
    if (!(Number.isSafeInteger(ttlMs) && ttlMs >= MIN_TTL_MS && ttlMs <= MAX_TTL_MS)) {
      throw new P2posError('BAD_REQUEST', { reason: `A lease lasts ${MIN_TTL_MS} to ${MAX_TTL_MS} ms.` });
    }
    if (holder.length < 1 || holder.length > MAX_HOLDER_LENGTH || !holder.isWellFormed()) {
      throw new P2posError('BAD_REQUEST', { reason: `A holder is 1 to ${MAX_HOLDER_LENGTH} characters.` });
    }
  }

  /** Proposes new terms as long as `propose` has some for what is there. */
  async function agree<T extends Terms>(
    { namespace, partition, key }: RecordKey,
    propose: (terms: Terms | undefined, now: number) => T | undefined,
    options: CallOptions,
  ): Promise<T | undefined> {
    const name = { namespace, partition, key };
    for (let tries = 0; ; tries++) {
      const found = await registers.read(name, options);
      const terms = propose(found && decodeTerms(found), await trustedNow());
      if (!terms) return undefined;
      const condition = found
        ? ({ kind: 'version', version: found.version } as const)
        : ({ kind: 'absent' } as const);
      try {
        await registers.change({ ...name, value: encodeTerms(terms), condition }, options);
        return terms;
      } catch (error) {
        if (!isP2posError(error, 'CAS_CONDITION_FAILED') || tries >= MAX_TRIES) throw error;
      }
    }
  }

  const isMine = (terms: Terms | undefined, { holder, token }: Grant) =>
    terms?.token === token && terms.holder === holder;

  /** @param again What the holder has already is its own. */
  async function take(wanted: Wanted, options: CallOptions = {}, again = true): Promise<Grant | undefined> {
    check(wanted);
    const { holder, ttlMs } = wanted;
    try {
      const terms = await agree(
        wanted,
        (before, now) => {
          const until = now + ttlMs;
          const free = !before?.holder || before.until + skewMs <= now;
          if (free) return { token: (before?.token ?? 0) + 1, holder, until };
          return again && before.holder === holder ? { token: before.token, holder, until } : undefined;
        },
        options,
      );
      return terms && { holder, token: terms.token };
    } catch (error) {
      // Others were quicker each time.
      if (isP2posError(error, 'CAS_CONDITION_FAILED')) return undefined;
      throw error;
    }
  }

  async function renew(
    { ttlMs, ...lease }: RecordKey & Grant & { readonly ttlMs: number },
    options: CallOptions = {},
  ): Promise<boolean> {
    check({ holder: lease.holder, ttlMs });
    const { token, holder } = lease;
    const propose = (before: Terms | undefined, now: number) =>
      isMine(before, lease) ? { token, holder, until: now + ttlMs } : undefined;
    return (await agree(lease, propose, options)) !== undefined;
  }

  async function release(lease: RecordKey & Grant, options: CallOptions = {}): Promise<boolean> {
    const { token } = lease;
    // By this call, or by one before it whose answer was lost: nobody has taken it since.
    let isFree = false;
    const propose = (before: Terms | undefined) => {
      isFree = before?.token === token && before.holder === undefined;
      return isMine(before, lease) ? { token, holder: undefined, until: 0 } : undefined;
    };
    return (await agree(lease, propose, options)) !== undefined || isFree;
  }

  function keep(wanted: Wanted, grant: Grant, takenAt: number): Lease {
    const { namespace, partition, key, ttlMs } = wanted;
    const lease = { namespace, partition, key, ...grant };
    const lost = new AbortController();
    let until = takenAt + ttlMs;
    let timer: Disposable | undefined;
    let expiry: Disposable | undefined;
    let renewing: Promise<void> | undefined;

    function end(): void {
      timer?.[Symbol.dispose]();
      expiry?.[Symbol.dispose]();
      lost.abort(new P2posError('LEASE_LOST', { token: grant.token }));
    }

    function arm(): void {
      expiry?.[Symbol.dispose]();
      expiry = clock.after(Math.max(0, until - clock.monotonic()), end);
      timer = clock.after(ttlMs / 3, () => {
        renewing = attempt();
      });
    }

    /** Until it succeeds, another holds it, or the time is over. */
    async function attempt(): Promise<void> {
      const startedAt = clock.monotonic();
      using limit = deadline(clock, Math.max(1, until - startedAt), {
        what: 'Renewing',
        signal: lost.signal,
      });
      try {
        if (!(await renew({ ...lease, ttlMs }, { signal: limit.signal }))) return end();
        if (lost.signal.aborted) return;
        until = startedAt + ttlMs;
        arm();
      } catch {
        if (lost.signal.aborted) return;
        timer = clock.after(Math.min(1_000, ttlMs / 10), () => {
          renewing = attempt();
        });
      }
    }

    arm();
    return {
      token: grant.token,
      lost: lost.signal,
      async [Symbol.asyncDispose]() {
        const held = !lost.signal.aborted;
        end();
        await renewing;
        if (!held) return;
        using limit = deadline(clock, ttlMs, { what: 'Releasing' });
        // Without it the lease ends by itself.
        await release(lease, { signal: limit.signal }).catch(() => {});
      },
    };
  }

  return {
    take,
    renew,
    release,
    async acquire(wanted, options) {
      const takenAt = clock.monotonic();
      const grant = await take(wanted, options, false);
      return grant && keep(wanted, grant, takenAt);
    },
  };
}
