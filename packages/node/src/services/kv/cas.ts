/** Agreed changes: the keys of `<app>/kv-cas`, which change only under conditions that hold, and locks. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import type {
  CallOptions,
  ChangeOutcome,
  Condition,
  Grant,
  Records,
  RegisterValue,
} from '../../core/records/index.ts';
import { type KeyInput, keyName, type ListInput, type Listing, listKeys, MAX_TTL_MS } from './keys.ts';

export interface KvCasDeps {
  readonly records: Pick<Records, 'declare' | 'registers' | 'leases'>;
}

/** Every call throws KV_KEY_INVALID, STATE_UNCONFIGURED or RECORDS_QUORUM_LOST besides what it names. */
export interface KvCas {
  /** Linearizable. */
  get(input: KeyInput, options?: CallOptions): Promise<RegisterValue | undefined>;
  /**
   * @param input `value: null` deletes. @throws P2posError CAS_CONDITION_FAILED {version | null}, KV_VALUE_TOO_LARGE,
   * IDEMPOTENCY_KEY_REUSED, STORE_FULL, VERSION_AHEAD
   */
  change(
    input: KeyInput & {
      readonly value: Uint8Array | null;
      readonly condition: Condition;
      readonly ttlMs?: number | undefined;
      readonly idempotencyKey?: string | undefined;
      readonly receipt?: 'plain' | 'signed' | undefined;
    },
    options?: CallOptions,
  ): Promise<ChangeOutcome>;
  /** Linearizable per key. @throws P2posError KV_CURSOR_INVALID */
  list(input: ListInput, options?: CallOptions): Promise<Listing>;
  /** Whether there is such a lock, held or not: they are kept for ever. */
  wasLocked(input: KeyInput, options?: CallOptions): Promise<boolean>;
  /** Undefined: another holds it. */
  lock(
    input: KeyInput & { readonly holder: string; readonly ttlMs: number },
    options?: CallOptions,
  ): Promise<Grant | undefined>;
  /** False: it is lost. */
  renew(input: KeyInput & Grant & { readonly ttlMs: number }, options?: CallOptions): Promise<boolean>;
  /** False: it was lost before. */
  unlock(input: KeyInput & Grant, options?: CallOptions): Promise<boolean>;
}

const MAX_LEASE_BYTES = 1_024;

export function createKvCas(
  { records }: KvCasDeps,
  { maxValueBytes, replicas }: { readonly maxValueBytes: number; readonly replicas: number },
): KvCas {
  const { registers, leases } = records;
  const common = { kind: 'cas', author: 'member', replicas } as const;
  records.declare({ suffix: '/kv-cas', ...common, maxValueBytes });
  records.declare({ suffix: '/kv-locks', ...common, maxValueBytes: MAX_LEASE_BYTES });
  const nameOf = ({ app, key }: KeyInput) => keyName(`${app}/kv-cas`, key);
  const lockOf = ({ app, key }: KeyInput) => keyName(`${app}/kv-locks`, key);

  return {
    get: async (input, options) => registers.read(nameOf(input), options),
    async change({ value, condition, ttlMs, idempotencyKey, receipt, ...input }, options) {
      const name = nameOf(input);
      if (value && value.length > maxValueBytes)
        throw new P2posError('KV_VALUE_TOO_LARGE', { maxBytes: maxValueBytes });
      if (ttlMs !== undefined && !(Number.isInteger(ttlMs) && ttlMs >= 1 && ttlMs <= MAX_TTL_MS)) {
        throw new P2posError('BAD_REQUEST', { reason: 'A time to live is 1 ms to 3650 days.' });
      }
      const optional = {
        ...(ttlMs !== undefined && { ttlMs }),
        ...(idempotencyKey !== undefined && { idempotencyKey }),
        ...(receipt === 'signed' && { receipt }),
      };
      try {
        return await registers.change({ ...name, value, condition, ...optional }, options);
      } catch (error) {
        // Another node may allow less than this one.
        if (!isP2posError(error, 'RECORD_TOO_LARGE')) throw error;
        throw new P2posError('KV_VALUE_TOO_LARGE', { maxBytes: error.details['maxBytes'] }, { cause: error });
      }
    },
    list: (input, options) =>
      listKeys((range) => registers.scanAll(range, options), `${input.app}/kv-cas`, input),
    wasLocked: async (input, options) => (await registers.read(lockOf(input), options)) !== undefined,
    lock: async ({ holder, ttlMs, ...input }, options) =>
      leases.take({ ...lockOf(input), holder, ttlMs }, options),
    renew: async ({ holder, token, ttlMs, ...input }, options) =>
      leases.renew({ ...lockOf(input), holder, token, ttlMs }, options),
    unlock: async ({ holder, token, ...input }, options) =>
      leases.release({ ...lockOf(input), holder, token }, options),
  };
}
