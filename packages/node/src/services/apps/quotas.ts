/**
 * Keeps apps within their quotas through all nodes at once. Each gateway holds a lease of a share from the app's keeper, its
 * first replica that is alive, and lets that much through (a token bucket); without a share, a small part by itself.
 */
import { type AppQuotas, P2posError } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import { createTaskGroup } from '../../core/tasks/index.ts';
import { type Allocation, createAllocation, UNASKED } from './allocation.ts';
import type { Document } from './document.ts';
import { APPS, type Rates } from './wire.ts';

const LEASE_MS = 2_000;
const RENEW_MS = 1_000;
/** An app that nobody used for so long is no longer asked for. */
const IDLE_MS = 5_000;
const FIRST_SHARE_TIMEOUT_MS = 500;
const RATES = ['requests', 'messages'] as const;
type Rate = (typeof RATES)[number];

export interface QuotasDeps {
  readonly self: PeerId;
  readonly rpc: Pick<Rpc, 'call'>;
  /** Who keeps the app's quotas now: the same answer on all nodes that see the same members alive. */
  readonly keeperOf: (app: string) => PeerId;
  readonly members: () => number;
  readonly quotasOf: (app: string) => Promise<AppQuotas>;
  /** Of the whole app, at most a few seconds old; asked only where it is the keeper. */
  readonly storedBytes: (app: string) => Promise<number | undefined>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Charge {
  /** Calls; default 1. */
  readonly requests?: number;
  readonly messages?: number;
  /** It would store something. */
  readonly stores?: boolean;
}

/** For standard rate-limit headers. */
export interface Headroom {
  readonly limit: number;
  /** Calls that this node would take now. */
  readonly remaining: number;
  readonly resetMs: number;
}

export interface Quotas extends AsyncDisposable {
  /** Takes it from what the app may do, whole or not at all. @throws P2posError QUOTA_EXCEEDED, QUOTA_STORAGE */
  charge(document: Document, charge: Charge): Promise<Headroom | undefined>;
  /** As the keeper: a gateway's share. */
  share(
    app: string,
    gateway: PeerId,
    demand: Rates,
    held?: Rates,
  ): Promise<{ share: Rates; leaseMs: number; storedBytes?: number }>;
}

interface Bucket {
  rate: number;
  left: number;
  at: number;
  /** Asked of this gateway since the last renewal. */
  asked: number;
}

interface AppState {
  quotas: AppQuotas;
  readonly buckets: Record<Rate, Bucket>;
  usedAt: number;
  renewedAt: number;
  leaseUntil: number;
  /** Who gave the lease. */
  keeper: PeerId | undefined;
  storedBytes: number | undefined;
  renewing: Promise<void> | undefined;
}

export function createQuotas(deps: QuotasDeps): Quotas {
  const { self, rpc, clock, random, log, keeperOf, members, quotasOf } = deps;
  const apps = new Map<string, AppState>();
  const kept = new Map<string, Record<Rate, Allocation> & { at: number }>();
  const tasks = createTaskGroup({ clock, random, log });

  tasks.every({ name: 'renew_shares', intervalMs: RENEW_MS }, async () => {
    const now = clock.monotonic();
    for (const [app, state] of apps) {
      if (now - state.usedAt > IDLE_MS) apps.delete(app);
      else void renew(app, state);
    }
    for (const [app, { at }] of kept) if (now - at > IDLE_MS) kept.delete(app);
  });

  function stateOf({ app, quotas }: Document): AppState {
    const known = apps.get(app);
    if (known) {
      known.quotas = quotas;
      return known;
    }
    const now = clock.monotonic();
    const bucket = (): Bucket => ({ rate: 0, left: 1, at: now, asked: 0 });
    const buckets = { requests: bucket(), messages: bucket() };
    const state: AppState = {
      quotas,
      buckets,
      usedAt: now,
      renewedAt: now,
      leaseUntil: 0,
      keeper: undefined,
      storedBytes: undefined,
      renewing: undefined,
    };
    apps.set(app, state);
    return state;
  }

  async function renew(app: string, state: AppState): Promise<void> {
    state.renewing ??= ask(app, state).finally(() => {
      state.renewing = undefined;
    });
    await state.renewing;
  }

  async function ask(app: string, state: AppState): Promise<void> {
    const now = clock.monotonic();
    const seconds = Math.max(0.2, (now - state.renewedAt) / 1_000);
    const demand: Rates = {};
    for (const rate of RATES) {
      if (state.quotas[rate] === undefined) continue;
      demand[rate] = state.buckets[rate].asked / seconds;
      state.buckets[rate].asked = 0;
    }
    state.renewedAt = now;
    const keeper = keeperOf(app);
    const held = state.keeper !== keeper && state.leaseUntil > now ? ratesOf(state) : undefined;
    try {
      const answer =
        keeper === self
          ? await share(app, self, demand, held)
          : await rpc.call(keeper, APPS, 'share', { app, demand, held }, { timeoutMs: RENEW_MS });
      // From before the call: a lease never lasts longer here than at the keeper.
      state.leaseUntil = now + answer.leaseMs;
      state.keeper = keeper;
      state.storedBytes = answer.storedBytes;
      for (const rate of RATES) setRate(state.buckets[rate], answer.share[rate] ?? 0);
    } catch (error) {
      log.debug({ action: 'renew_share', app, keeper, error }, 'no share of the quota');
    }
  }

  function setRate(bucket: Bucket, rate: number): void {
    refill(bucket);
    bucket.rate = rate;
  }

  function refill(bucket: Bucket): void {
    const now = clock.monotonic();
    bucket.left = Math.min(capacity(bucket), bucket.left + ((now - bucket.at) / 1_000) * bucket.rate);
    bucket.at = now;
  }

  function ratesOf({ quotas, buckets }: AppState): Rates {
    const held: Rates = {};
    for (const rate of RATES) if (quotas[rate] !== undefined) held[rate] = buckets[rate].rate;
    return held;
  }

  async function share(app: string, gateway: PeerId, demand: Rates, held?: Rates) {
    const quotas = await quotasOf(app);
    const now = clock.monotonic();
    const known = kept.get(app) ?? { requests: createAllocation(), messages: createAllocation(), at: now };
    known.at = now;
    kept.set(app, known);
    const granted: Rates = {};
    for (const rate of RATES) {
      const quota = quotas[rate];
      if (quota === undefined) continue;
      granted[rate] = known[rate].ask({
        gateway,
        demand: demand[rate] ?? 0,
        held: held?.[rate],
        quota,
        alone: (quota * UNASKED) / Math.max(1, members()),
        now,
        leaseMs: LEASE_MS,
      });
    }
    const storedBytes = quotas.storedBytes === undefined ? undefined : await deps.storedBytes(app);
    return { share: granted, leaseMs: LEASE_MS, ...(storedBytes !== undefined && { storedBytes }) };
  }

  return {
    async charge(document, { requests = 1, messages = 0, stores = false }) {
      const { app, quotas } = document;
      if (quotas.requests === undefined && quotas.messages === undefined && quotas.storedBytes === undefined)
        return undefined;
      const state = stateOf(document);
      const now = clock.monotonic();
      state.usedAt = now;
      const wanted = { requests, messages };
      for (const rate of RATES) state.buckets[rate].asked += wanted[rate];
      if (state.leaseUntil <= now) {
        // The first to come, or after the keeper was away: better to wait a moment than to refuse what the quota allows.
        await Promise.race([renew(app, state), elapsed(clock, FIRST_SHARE_TIMEOUT_MS)]);
        if (state.leaseUntil <= clock.monotonic()) {
          for (const rate of RATES)
            setRate(state.buckets[rate], ((quotas[rate] ?? 0) * UNASKED) / Math.max(1, members()));
        }
      }
      const { storedBytes: limit } = quotas;
      if (stores && limit !== undefined && (state.storedBytes ?? 0) >= limit)
        throw new P2posError('QUOTA_STORAGE', { app, used: state.storedBytes, limit });
      for (const rate of RATES) {
        const bucket = state.buckets[rate];
        if (quotas[rate] === undefined || wanted[rate] === 0) continue;
        refill(bucket);
        if (bucket.left >= wanted[rate]) continue;
        const missing = wanted[rate] - bucket.left;
        const retryAfterMs = Math.min(10_000, Math.ceil((missing / Math.max(0.1, bucket.rate)) * 1_000));
        throw new P2posError('QUOTA_EXCEEDED', { app, quota: rate, limit: quotas[rate], retryAfterMs });
      }
      for (const rate of RATES) if (quotas[rate] !== undefined) state.buckets[rate].left -= wanted[rate];
      if (quotas.requests === undefined) return undefined;
      const bucket = state.buckets.requests;
      const resetMs = bucket.rate > 0 ? ((capacity(bucket) - bucket.left) / bucket.rate) * 1_000 : RENEW_MS;
      return { limit: quotas.requests, remaining: Math.max(0, Math.floor(bucket.left)), resetMs };
    },
    share,
    [Symbol.asyncDispose]: () => tasks[Symbol.asyncDispose](),
  };
}

/** A tenth of a second's worth at once, and always one. */
function capacity({ rate }: Bucket): number {
  return Math.max(1, rate / 10);
}

function elapsed(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}
