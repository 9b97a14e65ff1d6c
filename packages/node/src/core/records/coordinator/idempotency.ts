/**
 * Remembers writes by the key that their caller chose, so that a repeat has no second effect: a finished one is answered
 * again, one under way is joined, and one of unknown outcome goes on under the version that it was signed with, as long as that
 * is young: replicas take what comes from its author first-hand, and may have forgotten by then that it was deleted. Known to
 * this node alone, as long as it runs.
 */
import { type Crypto, concatBytes, P2posError, toHex } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { CheckedRecord } from '../replica/stored.ts';
import type { Draft, Written } from './ticket.ts';

export interface Attempt {
  readonly resume: CheckedRecord | undefined;
  readonly onUnknown: (record: CheckedRecord) => void;
}

export interface Idempotency {
  /**
   * @param scope The caller's key within its namespace. @param request What is asked, as one text: another under the same key is refused.
   * @param signal The caller's, with which `run` ends: who has joined goes on in its stead.
   * @throws P2posError IDEMPOTENCY_KEY_REUSED, RECORDS_QUORUM_LOST with {outcome: unknown}, and whatever `run` throws
   */
  once(
    scope: string,
    request: string,
    run: (attempt: Attempt) => Promise<Written>,
    signal?: AbortSignal,
  ): Promise<Written>;
}

interface Entry {
  readonly request: string;
  readonly since: number;
  running: { readonly work: Promise<Written>; readonly signal: AbortSignal | undefined } | undefined;
  written: Written | undefined;
  unknown: CheckedRecord | undefined;
}

export interface IdempotencyConfig {
  readonly maxEntries: number;
  /** Of records whose outcome is unknown. */
  readonly maxBytes: number;
  readonly keepMs: number;
  /** Records of a greater age are not sent again. */
  readonly resumeMs: number;
}

export interface IdempotencyDeps {
  readonly clock: Clock;
  /** By corrected time, ms: the clock may have stood still. */
  readonly ageOf: (record: CheckedRecord) => number;
}

export function createIdempotency({ clock, ageOf }: IdempotencyDeps, config: IdempotencyConfig): Idempotency {
  /** Oldest first. */
  const entries = new Map<string, Entry>();
  let bytes = 0;

  function forget(scope: string, entry: Entry): void {
    if (entries.get(scope) === entry) entries.delete(scope);
    keepUnknown(entry, undefined);
  }

  function keepUnknown(entry: Entry, record: CheckedRecord | undefined): void {
    bytes += sizeOf(record) - sizeOf(entry.unknown);
    entry.unknown = record;
  }

  function trim(): void {
    const oldest = clock.monotonic() - config.keepMs;
    for (const [scope, entry] of entries) {
      const full = entries.size > config.maxEntries || bytes > config.maxBytes;
      if (!full && entry.since >= oldest) return;
      if (!entry.running) forget(scope, entry);
    }
  }

  /** @throws P2posError IDEMPOTENCY_KEY_REUSED */
  function find(scope: string, request: string): Entry | undefined {
    const entry = entries.get(scope);
    if (!entry || entry.request === request) return entry;
    throw new P2posError('IDEMPOTENCY_KEY_REUSED', { idempotencyKey: scope.slice(scope.indexOf(' ') + 1) });
  }

  /** Undefined: its caller gave up. */
  async function join({ work, signal }: NonNullable<Entry['running']>): Promise<Written | undefined> {
    try {
      return await work;
    } catch (error) {
      if (signal?.aborted) return undefined;
      throw error;
    }
  }

  return {
    async once(scope, request, run, signal) {
      trim();
      let entry = find(scope, request);
      while (entry?.running) {
        const written = await join(entry.running);
        if (written) return written;
        signal?.throwIfAborted();
        entry = find(scope, request);
      }
      if (entry?.written) return entry.written;
      entry ??= {
        request,
        since: clock.monotonic(),
        running: undefined,
        written: undefined,
        unknown: undefined,
      };
      const own = entry;
      entries.set(scope, own);
      const resume = own.unknown;
      if (resume && ageOf(resume) > config.resumeMs)
        throw new P2posError('RECORDS_QUORUM_LOST', { answered: 0, needed: 0, outcome: 'unknown' });
      const work = run({ resume, onUnknown: (record) => keepUnknown(own, record) });
      own.running = { work, signal };
      try {
        own.written = await work;
        keepUnknown(own, undefined);
        return own.written;
      } finally {
        own.running = undefined;
        // It surely had no effect: the next try is a new write.
        if (!own.written && !own.unknown) forget(scope, own);
      }
    },
  };
}

function sizeOf(record: CheckedRecord | undefined): number {
  return record ? record.header.length + (record.value?.length ?? 0) + record.proof.length : 0;
}

const utf8 = new TextEncoder();

/** One text for what is asked: the same for two requests only when they are the same. */
export function requestText(
  { sha256 }: Pick<Crypto, 'sha256'>,
  { partition, key, value, valueHash }: Draft,
  ttlMs: number | undefined,
): string {
  const wish = `${value ? 'put' : 'delete'} ${ttlMs} ${partition.length} ${key.length} `;
  const parts = [utf8.encode(wish), partition, key, ...(valueHash ? [valueHash] : [])];
  return toHex(sha256(concatBytes(...parts)));
}
