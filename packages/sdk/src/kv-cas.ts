/** `client.kv.cas`: keys that change only under conditions that hold, and locks. */
import { isP2posError, type KvList, type KvReceipt, P2posError } from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';
import { pages } from './pages.ts';
import { pause, type Timing } from './timing.ts';

export interface CasEntry {
  readonly value: Uint8Array;
  /** Grows with every change; opaque. */
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number | undefined;
  /** The value as UTF-8. */
  text(): string;
}

export interface CasWriteOptions extends CallOptions {
  readonly ttlMs?: number;
  readonly idempotencyKey?: string;
  /** Only if this version is there. */
  readonly ifVersion?: string;
  /** Only if nothing is there. */
  readonly ifAbsent?: boolean;
  /** The answer brings the replicas' signatures: `p2pctl receipt verify` checks them offline. */
  readonly receipt?: 'signed';
}
export type CasDeleteOptions = Omit<CasWriteOptions, 'ttlMs' | 'ifAbsent'>;
export type CasDeletion = KvReceipt & { readonly existed: boolean };

export interface LockOptions extends CallOptions {
  /** How long it outlives a holder that is gone. Default 10 s; 1 s to 1 h. */
  readonly ttlMs?: number;
  /** How long to wait for another holder. Default: not at all. */
  readonly waitMs?: number;
}

export interface KvLock extends AsyncDisposable {
  /** Fencing token: greater than every earlier holder's. What the lock protects refuses smaller ones. */
  readonly token: number;
  /** Aborts when the lock can no longer be relied on. */
  readonly lost: AbortSignal;
}

/**
 * Every call throws CAS_CONDITION_FAILED {version | null} where its condition does not hold.
 *
 * @example
 * const entry = await client.kv.cas.get('leader');
 * await client.kv.cas.compareAndSet('leader', 'me', entry?.version ?? null);
 * await using lock = await client.kv.cas.lock('nightly-report');
 */
export interface KvCasClient {
  put(key: string, value: Uint8Array | string, options?: CasWriteOptions): Promise<KvReceipt>;
  /** Linearizable. Undefined: there is nothing under the key. */
  get(key: string, options?: CallOptions): Promise<CasEntry | undefined>;
  delete(key: string, options?: CasDeleteOptions): Promise<CasDeletion>;
  /** `version` as read before; null: nothing was there; undefined is refused with BAD_REQUEST. */
  compareAndSet(
    key: string,
    value: Uint8Array | string,
    version: string | null,
    options?: Omit<CasWriteOptions, 'ifVersion' | 'ifAbsent'>,
  ): Promise<KvReceipt>;
  ifAbsent(
    key: string,
    value: Uint8Array | string,
    options?: Omit<CasWriteOptions, 'ifVersion' | 'ifAbsent'>,
  ): Promise<KvReceipt>;
  /** All keys that begin with the prefix, in byte order; linearizable per key. */
  list(
    options?: {
      readonly prefix?: string;
      readonly partial?: boolean;
      readonly pageSize?: number;
    } & CallOptions,
  ): AsyncIterable<string>;
  page(
    options?: { readonly prefix?: string; readonly limit?: number; readonly cursor?: string } & CallOptions,
  ): Promise<KvList>;
  /** Renewed by itself until disposed. Undefined: another holds it. */
  lock(key: string, options?: LockOptions): Promise<KvLock | undefined>;
}

const DEFAULT_TTL_MS = 10_000;
/** Between two looks at a lock that another holds. */
const POLL_MS = 250;
const cas = true as const;

export interface KvCasDeps {
  readonly call: Call;
  readonly timing: Timing;
  /** Of a call that says nothing else. */
  readonly callTimeoutMs: number;
}

export function createKvCasClient({ call, timing, callTimeoutMs }: KvCasDeps): KvCasClient {
  const put: KvCasClient['put'] = async (key, value, options = {}) => {
    const { signal, timeoutMs, ifVersion: _, ifAbsent, ...input } = options;
    const body = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    const condition = { ...versionOf(options), ...(ifAbsent && { ifNoneMatch: '*' as const }) };
    return call('kv.put', { key, body, cas, ...input, ...condition }, { signal, timeoutMs });
  };
  const page: KvCasClient['page'] = ({ signal, timeoutMs, ...input } = {}) =>
    call('kv.list', { ...input, cas }, { signal, timeoutMs });

  async function take(key: string, holder: string, ttlMs: number, options: LockOptions) {
    const { signal, waitMs = 0 } = options;
    // What is answered later is over by then.
    const timeoutMs = Math.min(options.timeoutMs ?? callTimeoutMs, ttlMs);
    const until = timing.now() + waitMs;
    for (;;) {
      const since = timing.now();
      const { token } = await call('kv.lock', { key, holder, ttlMs }, { signal, timeoutMs });
      if (token !== null) return { token, since };
      if (timing.now() >= until) return undefined;
      const delayMs = Math.min(POLL_MS * (0.5 + timing.random()), Math.max(0, until - timing.now()));
      await pause(timing, delayMs, signal ?? new AbortController().signal);
    }
  }

  return {
    put,
    page,
    async get(key, { signal, timeoutMs } = {}) {
      try {
        const { body: value, version, expiresAt } = await call('kv.get', { key, cas }, { signal, timeoutMs });
        return { value, version, expiresAt, text: () => new TextDecoder().decode(value) };
      } catch (error) {
        if (isP2posError(error, 'KV_KEY_NOT_FOUND')) return undefined;
        throw error;
      }
    },
    async delete(key, options = {}) {
      const { signal, timeoutMs, ifVersion: _, ...input } = options;
      return call('kv.delete', { key, cas, ...input, ...versionOf(options) }, { signal, timeoutMs });
    },
    compareAndSet: (key, value, version, options) =>
      put(key, value, { ...options, ...(version === null ? { ifAbsent: true } : { ifVersion: version }) }),
    ifAbsent: (key, value, options) => put(key, value, { ...options, ifAbsent: true }),
    list: ({ pageSize: limit = 500, ...options } = {}) =>
      pages(async (from) => {
        const { keys, cursor } = await page({ ...options, limit, ...from });
        return { items: keys, cursor };
      }),
    async lock(key, options = {}) {
      const { ttlMs = DEFAULT_TTL_MS } = options;
      const holder = globalThis.crypto.randomUUID();
      const taken = await take(key, holder, ttlMs, options);
      return taken && keepLock({ call, timing }, { key, holder, ttlMs, ...taken });
    },
  };
}

/** A version that is asked for and is none, as of an entry that was not there, is no wish to write without a condition. */
function versionOf(options: Pick<CasWriteOptions, 'ifVersion'>): { readonly ifMatch?: string } {
  if (!('ifVersion' in options)) return {};
  const { ifVersion } = options;
  if (typeof ifVersion === 'string' && ifVersion !== '') return { ifMatch: ifVersion };
  const reason = `${String(ifVersion)} is no version: give the one that was read, or null to compareAndSet where nothing was there.`;
  throw new P2posError('BAD_REQUEST', { reason });
}

interface Held {
  readonly key: string;
  readonly holder: string;
  readonly token: number;
  readonly ttlMs: number;
  /** Before it was asked for: the time that it lasts runs from then. */
  readonly since: number;
}

function keepLock(
  { call, timing }: { readonly call: Call; readonly timing: Timing },
  { key, holder, token, ttlMs, since }: Held,
): KvLock {
  const lost = new AbortController();
  let until = since + ttlMs;
  let cancelExpiry = () => {};

  function end(): void {
    cancelExpiry();
    lost.abort(new P2posError('LEASE_LOST', { token }));
  }

  function arm(): void {
    cancelExpiry();
    cancelExpiry = timing.after(Math.max(0, until - timing.now()), end);
  }

  async function renew(): Promise<void> {
    // An answer that took long leaves less of the time.
    let delayMs = Math.max(0, since + ttlMs / 3 - timing.now());
    while (!lost.signal.aborted) {
      await pause(timing, delayMs, lost.signal);
      const askedAt = timing.now();
      try {
        const limits = { signal: lost.signal, timeoutMs: Math.max(1, until - askedAt) };
        const { held } = await call('kv.renewLock', { key, holder, token, ttlMs }, limits);
        if (!held) return end();
        until = askedAt + ttlMs;
        arm();
        delayMs = ttlMs / 3;
      } catch {
        // Until the time is over another try may succeed.
        delayMs = Math.min(1_000, ttlMs / 10);
      }
    }
  }

  arm();
  const renewing = renew().catch(() => {});
  return {
    token,
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      const held = !lost.signal.aborted;
      end();
      await renewing;
      // Without it the lock ends by itself.
      if (held) await call('kv.unlock', { key, holder, token }, { timeoutMs: ttlMs }).catch(() => {});
    },
  };
}
