/** Who administered what: kept for 90 days as records, so that any node can tell and none alone can lose it. */
import { AuditEntry, decodeCbor, encodeCbor } from '@p2pos/protocol';
import { z } from 'zod';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { CallOptions, Records } from '../../core/records/index.ts';

const NAMESPACE = 'system/audit';
const KEPT_MS = 90 * 86_400_000;
const MAX_ENTRY_BYTES = 2_048;
const PAGE = 1_000;
/** The newest are looked for day by day. */
const DAY_MS = 86_400_000;

export interface Audit {
  /** Resolves when it is on disk, or known not to be: then the log of this node has it. */
  note(entry: AuditEntry): Promise<void>;
  /** The newest first. @throws P2posError RECORDS_QUORUM_LOST */
  list(limit: number, options?: CallOptions): Promise<readonly AuditEntry[]>;
}

const Stored = z.strictObject({ ...AuditEntry.shape, at: z.int() });

export function createAudit(
  {
    records,
    clock,
    random,
    log,
  }: {
    readonly records: Pick<Records, 'declare' | 'put' | 'get' | 'scanAll'>;
    readonly clock: Pick<Clock, 'now'>;
    readonly random: Pick<Random, 'bytes'>;
    readonly log: Logger;
  },
  { replicas }: { readonly replicas: number },
): Audit {
  records.declare({
    suffix: '/audit',
    kind: 'lww',
    author: 'member',
    replicas,
    maxValueBytes: MAX_ENTRY_BYTES,
  });
  const utf8 = new TextEncoder();

  return {
    async note(entry) {
      const id = Buffer.from(random.bytes(6)).toString('hex');
      const key = utf8.encode(`${new Date(entry.at).toISOString()} ${id}`);
      try {
        const value = encodeCbor({ ...entry });
        await records.put({ namespace: NAMESPACE, partition: key, key, value, ttlMs: KEPT_MS });
      } catch (error) {
        log.warn({ action: 'audit', ...entry, error }, 'an administrative call could not be recorded');
      }
    },
    async list(limit, options) {
      const entries: AuditEntry[] = [];
      for (let day = clock.now(); day > clock.now() - KEPT_MS - DAY_MS; day -= DAY_MS) {
        const keys = await keysOf(new Date(day).toISOString().slice(0, 10), options);
        for (const key of keys.reverse()) {
          if (entries.length >= limit) return entries;
          const { found } = await records.get(
            { namespace: NAMESPACE, partition: key, key, consistency: 'quorum' },
            options,
          );
          const entry = found && entryOf(found.value);
          if (entry) entries.push(entry);
        }
      }
      return entries;
    },
  };

  async function keysOf(prefix: string, options?: CallOptions): Promise<Uint8Array[]> {
    const keys: Uint8Array[] = [];
    for (let after: Uint8Array | undefined; ; ) {
      const range = {
        namespace: NAMESPACE,
        prefix: utf8.encode(prefix),
        limit: PAGE,
        ...(after && { after }),
      };
      const page = await records.scanAll(range, options);
      keys.push(...page.keys);
      after = page.keys.at(-1);
      if (!page.more || !after) return keys;
    }
  }
}

/** Undefined for what is no entry: whoever wrote it shall not hide the others. */
function entryOf(value: Uint8Array): AuditEntry | undefined {
  try {
    return Stored.safeParse(decodeCbor(value, { maxBytes: MAX_ENTRY_BYTES })).data;
  } catch {
    return undefined;
  }
}
