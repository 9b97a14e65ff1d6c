/**
 * The log of every document that was accepted or refused. Each entry's hash is SHA-256 over the hash before it and the
 * entry's bytes, from the genesis hash on, so an entry changed or taken out later shows. Bounded: refusals beyond a
 * rate are only counted, and the oldest entries go when there are too many.
 */
import {
  type Crypto,
  concatBytes,
  decodeCbor,
  encodeCbor,
  equalBytes,
  formatTimestamp,
  toHex,
} from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import type { Statement, Store } from '../store/index.ts';

export interface AuditFacts {
  /** Kind of the document. */
  readonly document: string;
  readonly result: 'accepted' | 'refused';
  /** Of a refusal. */
  readonly code?: string;
  /** Lower-case hex: of an accepted document its own, of a refused one SHA-256 of all its bytes. */
  readonly hash?: string;
  readonly epoch?: number;
  readonly issuer?: string;
  /** Where it came from. */
  readonly from: string;
}

export interface AuditEntry extends AuditFacts {
  /** From 1, without gaps. */
  readonly seq: number;
  readonly at: string;
  /** Refusals since the entry before that were only counted. */
  readonly suppressed?: number;
  /** Of this entry and all before it, lower-case hex. */
  readonly chainHash: string;
}

const MIGRATIONS = [
  `CREATE TABLE membership_audit (
     seq INTEGER PRIMARY KEY,
     previous BLOB NOT NULL,
     body BLOB NOT NULL,
     hash BLOB NOT NULL
   );`,
];
type AuditRow = {
  readonly seq: number;
  readonly previous: Uint8Array;
  readonly body: Uint8Array;
  readonly hash: Uint8Array;
};

/** A hundred refusals at once, then one a minute: half a million a year. */
const REFUSAL_BURST = 100;
const REFUSAL_EVERY_MS = 60_000;
export const MAX_AUDIT_ENTRIES = 200_000;
const TRIM = 10_000;
const VERIFY_PAGE = 1_000;

export interface AuditLog {
  /** Statements to be written together with what the entry is about; call `confirm` once they are durable. */
  accepted(facts: Omit<AuditFacts, 'result'>): { readonly statements: readonly Statement[]; confirm(): void };
  /** Writes an entry, or counts it where refusals come too fast. */
  refused(facts: Omit<AuditFacts, 'result'>): Promise<void>;
  entries(after: number, limit: number): Promise<AuditEntry[]>;
  /** First entry whose hash does not follow, undefined when all do. */
  verify(): Promise<number | undefined>;
}

export async function openAudit(
  {
    store,
    clock,
    crypto,
  }: { readonly store: Store; readonly clock: Clock; readonly crypto: Pick<Crypto, 'sha256'> },
  { genesisHash }: { readonly genesisHash: Uint8Array },
): Promise<AuditLog> {
  await store.migrate('membership-audit', MIGRATIONS);
  let { seq, hash } = await readHead();
  let suppressed = 0;
  let allowance = REFUSAL_BURST;
  let refilledAt = clock.monotonic();

  async function readHead(): Promise<{ seq: number; hash: Uint8Array }> {
    const rows = await store.read<AuditRow>('SELECT * FROM membership_audit ORDER BY seq DESC LIMIT 1');
    return { seq: rows[0]?.seq ?? 0, hash: rows[0]?.hash ?? genesisHash };
  }

  function next(facts: AuditFacts): { readonly statements: readonly Statement[]; confirm(): void } {
    const entry = {
      seq: seq + 1,
      at: formatTimestamp(clock.now()),
      ...facts,
      ...(suppressed > 0 && { suppressed }),
    };
    const body = encodeCbor(entry);
    const chained = crypto.sha256(concatBytes(hash, body));
    const statements: Statement[] = [
      { sql: 'INSERT INTO membership_audit VALUES (?, ?, ?, ?)', params: [entry.seq, hash, body, chained] },
    ];
    if (entry.seq % TRIM === 0) {
      statements.push({
        sql: 'DELETE FROM membership_audit WHERE seq <= ?',
        params: [entry.seq - MAX_AUDIT_ENTRIES],
      });
    }
    return {
      statements,
      confirm() {
        seq = entry.seq;
        hash = chained;
        suppressed = 0;
      },
    };
  }

  function mayWriteRefusal(): boolean {
    const now = clock.monotonic();
    allowance = Math.min(REFUSAL_BURST, allowance + (now - refilledAt) / REFUSAL_EVERY_MS);
    refilledAt = now;
    if (allowance < 1) return false;
    allowance--;
    return true;
  }

  return {
    accepted: (facts) => next({ ...facts, result: 'accepted' }),
    async refused(facts) {
      if (!mayWriteRefusal()) {
        suppressed++;
        return;
      }
      const entry = next({ ...facts, result: 'refused' });
      try {
        await store.write(entry.statements);
        entry.confirm();
      } catch {
        // A full disk must not turn a refusal into another answer; the store reports its own failure.
        suppressed++;
      }
    },
    async entries(after, limit) {
      const rows = await store.read<AuditRow>(
        'SELECT * FROM membership_audit WHERE seq > ? ORDER BY seq LIMIT ?',
        [after, limit],
      );
      return rows.map(({ body, hash: chained }) => ({
        ...(decodeCbor(body) as Omit<AuditEntry, 'chainHash'>),
        chainHash: toHex(chained),
      }));
    },
    async verify() {
      // What was trimmed vouches no more: the oldest entry left is where the chain begins.
      let before: AuditRow | undefined;
      for (;;) {
        const rows = await store.read<AuditRow>(
          `SELECT * FROM membership_audit WHERE seq > ? ORDER BY seq LIMIT ${VERIFY_PAGE}`,
          [before?.seq ?? 0],
        );
        for (const row of rows) {
          const expected = before ? before.hash : row.seq === 1 ? genesisHash : row.previous;
          const follows =
            (before === undefined || row.seq === before.seq + 1) &&
            equalBytes(row.previous, expected) &&
            equalBytes(row.hash, crypto.sha256(concatBytes(row.previous, row.body)));
          if (!follows) return row.seq;
          before = row;
        }
        if (rows.length < VERIFY_PAGE) return undefined;
      }
    },
  };
}
