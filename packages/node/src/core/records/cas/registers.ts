/** Registers as callers see them: conditions, deletion, expiry, repeats; those of one key through this node in turn. */
import { type Crypto, concatBytes, equalBytes, P2posError } from '@p2pos/protocol';
import { type Clock, deadline } from '../../clock/index.ts';
import type { Random } from '../../random/index.ts';
import type { ScanInput, ScanOutcome } from '../coordinator/scan.ts';
import type { CallOptions, ChangeOutcome, Condition, RecordKey, Registers, RegisterValue } from '../index.ts';
import type { RecordName } from '../replica/store.ts';
import type { Accepted, Decide, Place, Proposal, Proposer } from './proposer.ts';
import { decodeState, encodeState, REQUEST_ID_BYTES, type RegisterState, wasNeverMade } from './state.ts';

export interface RegistersDeps {
  readonly proposer: Proposer;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Corrected time, ms. */
  readonly now: () => number;
  /** @throws P2posError STATE_UNCONFIGURED, NAMESPACE_UNKNOWN, BAD_REQUEST */
  readonly check: (name: RecordKey) => { readonly place: Place; readonly maxValueBytes: number };
  readonly scan: (
    input: ScanInput,
    options: CallOptions & { readonly settle: (name: RecordName) => Promise<boolean> },
  ) => Promise<ScanOutcome>;
}

export interface RegistersConfig {
  readonly timeoutMs: number;
  /** Changes under way at once through this node; more are OVERLOADED. */
  readonly maxChanges: number;
}

export interface OwnRegisters extends Registers {
  /** Everybody sees afterwards what is there now, whatever was left unfinished. */
  settle(name: RecordName): Promise<void>;
}

/** How long a deletion is remembered for the sake of repeats. */
const DELETED_KEEP_MS = 86_400_000;
const utf8 = new TextEncoder();

export function createRegisters(
  deps: RegistersDeps,
  { timeoutMs, maxChanges }: RegistersConfig,
): OwnRegisters {
  const { proposer, crypto, clock, random, now, check } = deps;
  const queues = new Map<string, Promise<unknown>>();
  let waiting = 0;

  /** Changes of one key through this node do not duel with one another. */
  async function inTurn<T>(name: RecordName, work: () => Promise<T>): Promise<T> {
    if (waiting >= maxChanges) throw new P2posError('OVERLOADED', { what: 'Changing registers' });
    waiting++;
    const text = [name.namespace, name.key, name.partition]
      .map((part) => (typeof part === 'string' ? part : Buffer.from(part).toString('latin1')))
      .join('\0');
    const turn = (queues.get(text) ?? Promise.resolve()).then(work, work);
    queues.set(text, turn);
    try {
      return await turn;
    } finally {
      waiting--;
      if (queues.get(text) === turn) queues.delete(text);
    }
  }

  async function bounded<T>(
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    using limit = deadline(clock, timeoutMs, { what: 'A majority of the replicas', signal });
    return await work(limit.signal);
  }

  const isExpired = ({ expiresAt }: Accepted) => expiresAt !== undefined && expiresAt <= now();

  function heldOf(seen: Accepted | undefined, maxBytes: number): RegisterValue | undefined {
    const state = seen && !isExpired(seen) ? stateOf(seen, maxBytes) : undefined;
    if (!state?.value) return undefined;
    const { value, version } = state;
    return { value, version, ...(seen?.expiresAt !== undefined && { expiresAt: seen.expiresAt }) };
  }

  async function read(input: RecordKey, { signal }: CallOptions = {}): Promise<RegisterValue | undefined> {
    const { place, maxValueBytes } = check(input);
    const name = nameOf(input);
    return bounded(signal, async (limit) => {
      const glance = await proposer.glance(name, place, limit);
      if (glance) return heldOf(glance.seen, maxValueBytes);
      const keep: Decide<RegisterValue | undefined> = (seen) => ({
        propose: undefined,
        result: heldOf(seen, maxValueBytes),
      });
      return (await proposer.run(name, place, keep, limit)).result;
    });
  }

  return {
    read,
    async change({ value, condition, ttlMs, idempotencyKey, ...key }, { signal } = {}) {
      const { place, maxValueBytes } = check(key);
      if (value && value.length > maxValueBytes)
        throw new P2posError('RECORD_TOO_LARGE', { what: 'value', maxBytes: maxValueBytes });
      const name = nameOf(key);
      const expiresAt = ttlMs === undefined ? undefined : now() + ttlMs;
      const id = requestId(idempotencyKey);
      /** What this call may have made already. */
      let proposed: string | undefined;
      let told: RegisterValue | undefined;

      const decide: Decide<Omit<ChangeOutcome, 'replicas' | 'durable'>> = (seen, ballot) => {
        const state = seen && stateOf(seen, maxValueBytes);
        const previous = heldOf(seen, maxValueBytes);
        const done = state?.requests.find((request) => equalBytes(request.id, id));
        if (done) return { propose: undefined, result: { version: done.version, previous: told } };
        if (value === null && !previous && condition.kind !== 'version')
          return { propose: undefined, result: { version: state?.version ?? ballot, previous } };
        if (!holds(condition, previous)) {
          // Its own change may have been followed by others.
          const unsure = proposed !== undefined && seen && !(state && wasNeverMade(state, proposed));
          if (unsure)
            throw new P2posError('RECORDS_QUORUM_LOST', { answered: 0, needed: 0, outcome: 'unknown' });
          throw new P2posError('CAS_CONDITION_FAILED', { version: previous?.version ?? null });
        }
        proposed ??= ballot;
        told = previous;
        const requests = [...(state?.requests ?? []), { id, version: ballot }];
        const bytes = encodeState({ version: ballot, value, requests });
        const propose: Proposal =
          value === null
            ? { bytes, expiresAt: now() + DELETED_KEEP_MS, deleted: true }
            : { bytes, expiresAt, deleted: false };
        return { propose, result: { version: ballot, previous } };
      };

      return inTurn(name, () =>
        bounded(signal, async (limit) => {
          const { result, holders } = await proposer.run(name, place, decide, limit);
          return { ...result, replicas: holders, durable: holders.length };
        }),
      );
    },
    async settle(name) {
      const { place } = check(name);
      await bounded(undefined, (limit) =>
        proposer.run(nameOf(name), place, () => ({ propose: undefined, result: undefined }), limit),
      );
    },
    scanAll: (input, options = {}) =>
      deps.scan(input, {
        ...options,
        settle: async (name) => (await read(name, options)) !== undefined,
      }),
  };

  function requestId(idempotencyKey: string | undefined): Uint8Array {
    const id =
      idempotencyKey === undefined
        ? random.bytes(REQUEST_ID_BYTES)
        : crypto.sha256(concatBytes(utf8.encode('idempotency\0'), utf8.encode(idempotencyKey)));
    return id.slice(0, REQUEST_ID_BYTES);
  }
}

function holds(condition: Condition, held: RegisterValue | undefined): boolean {
  if (condition.kind === 'any') return true;
  return condition.kind === 'absent' ? held === undefined : held?.version === condition.version;
}

/** Undefined: its value was let go after it expired. */
function stateOf({ bytes }: Accepted, maxBytes: number): RegisterState | undefined {
  return bytes && decodeState(bytes, maxBytes);
}

export function sameAgain(seen: Accepted, maxBytes: number): Proposal {
  const state = stateOf(seen, maxBytes);
  return { bytes: seen.bytes, expiresAt: seen.expiresAt, deleted: !state?.value };
}

function nameOf({ namespace, partition, key }: RecordKey): RecordName {
  return { namespace, partition, key };
}
