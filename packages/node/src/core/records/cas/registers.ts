/** Registers as callers see them: what they ask is checked and proposed, and answers become outcomes and errors. */
import { type Crypto, concatBytes, P2posError } from '@p2pos/protocol';
import type { ScanInput } from '../coordinator/scanning/scan.ts';
import type {
  CallOptions,
  NamespaceDeclaration,
  RangeKeys,
  RecordKey,
  Registers,
  RegisterValue,
} from '../port.ts';
import type { Collector } from '../receipts/collector.ts';
import type { RecordName } from '../replica/stored.ts';
import type { Place } from './poll.ts';
import type { Proposer } from './proposer.ts';
import { encodeState, REQUEST_ID_BYTES, type RequestId } from './state.ts';
import type { Agreed, Wish } from './transition.ts';

export interface RegistersDeps {
  readonly proposer: Pick<Proposer, 'propose' | 'settle' | 'read'>;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly receipts: Collector;
  /** @throws P2posError STATE_UNCONFIGURED, NAMESPACE_UNKNOWN, NAMESPACE_KIND, BAD_REQUEST */
  readonly check: (name: RecordKey) => { readonly place: Place; readonly declaration: NamespaceDeclaration };
  readonly scan: (
    input: ScanInput,
    options: CallOptions & { readonly settle: (name: RecordName) => Promise<boolean> },
  ) => Promise<RangeKeys>;
}

export interface OwnRegisters extends Registers {
  /** As `read`, and the version under which what is deleted went. */
  agreed(name: RecordKey, options?: CallOptions): Promise<Agreed | undefined>;
  /** Everybody sees afterwards what is there now, whatever was left unfinished. */
  settle(name: RecordName, options?: CallOptions): Promise<void>;
}

const MAX_TTL_MS = 100 * 365 * 86_400_000;
const utf8 = new TextEncoder();

export function createRegisters({ proposer, crypto, receipts, check, scan }: RegistersDeps): OwnRegisters {
  function hashOf(...parts: readonly Uint8Array[]): Uint8Array {
    const hashes = parts.map((part) => crypto.sha256(part));
    return crypto.sha256(concatBytes(...hashes)).slice(0, REQUEST_ID_BYTES);
  }

  function requestOf({ value, condition, ttlMs }: Omit<Wish, 'request'>, idempotencyKey: string): RequestId {
    const expected = condition.kind === 'version' ? condition.version : null;
    const asked = JSON.stringify([value === null, condition.kind, expected, ttlMs ?? null]);
    return {
      id: hashOf(utf8.encode(idempotencyKey)),
      body: hashOf(utf8.encode(asked), value ?? new Uint8Array(0)),
    };
  }

  /** @throws P2posError BAD_REQUEST, RECORD_TOO_LARGE, what the namespace refuses */
  function checkWish(
    { namespace, key }: RecordKey,
    { maxValueBytes, validate }: NamespaceDeclaration,
    { value, ttlMs }: Omit<Wish, 'request'>,
  ): void {
    if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs >= 1 && ttlMs <= MAX_TTL_MS)) {
      throw new P2posError('BAD_REQUEST', { reason: `A time to live is 1 to ${MAX_TTL_MS} ms.` });
    }
    if (!value) return;
    if (value.length > maxValueBytes)
      throw new P2posError('RECORD_TOO_LARGE', { what: 'value', maxBytes: maxValueBytes });
    validate?.({ namespace, key, value });
  }

  async function agreed(input: RecordKey, options: CallOptions = {}) {
    const { place } = check(input);
    return proposer.read(nameOf(input), place, options);
  }

  async function read(input: RecordKey, options: CallOptions = {}): Promise<RegisterValue | undefined> {
    const found = await agreed(input, options);
    return found && found.value !== null ? { ...found, value: found.value } : undefined;
  }

  const settled = (input: ScanInput, options: CallOptions = {}) =>
    scan(input, { ...options, settle: async (name) => (await read(name, options)) !== undefined });

  return {
    read,
    agreed,
    async change(input, options = {}) {
      const { value, condition, ttlMs, idempotencyKey } = input;
      const { place, declaration } = check(input);
      const asked = { value, condition, ttlMs };
      checkWish(input, declaration, asked);
      const request = idempotencyKey === undefined ? undefined : requestOf(asked, idempotencyKey);
      const wish = { ...asked, request };
      const { answer, replicas, record } = await proposer.propose(nameOf(input), place, wish, options);
      if (answer.kind === 'changed') {
        const { version, previous } = answer;
        const outcome = { version, previous, replicas, durable: replicas.length };
        if (input.receipt !== 'signed' || !record) return outcome;
        const held = { version: record.ballot, replicas, outcome: version };
        const receipt = await receipts.collect(nameOf(input), place, held, options);
        return { ...outcome, receipt: { ...receipt, state: encodeState(record.state) } };
      }
      if (answer.kind === 'failed') throw new P2posError('CAS_CONDITION_FAILED', { version: answer.version });
      if (answer.kind === 'reused') throw new P2posError('IDEMPOTENCY_KEY_REUSED', { idempotencyKey });
      throw new P2posError('RECORDS_QUORUM_LOST', { answered: 0, needed: 0, outcome: 'unknown' });
    },
    async settle(name, options = {}) {
      await proposer.settle(name, check(name).place, options);
    },
    scan: ({ namespace, partition, prefix, after, limit }, options = {}) =>
      settled({ namespace, partition, prefix, limit, ...(after && { after }) }, options),
    scanAll: settled,
  };
}

function nameOf({ namespace, partition, key }: RecordKey): RecordName {
  return { namespace, partition, key };
}
