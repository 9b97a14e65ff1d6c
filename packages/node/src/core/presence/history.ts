/**
 * What presence keeps on disk (P12): this node's incarnation, the newest heartbeat of each member, and a log of
 * connections, heartbeats and round trips. All but the incarnation is written in batches, and the log is bounded.
 */
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { PeerId } from '../net/index.ts';
import type { Row, Statement, Store } from '../store/index.ts';

const MIGRATIONS = [
  'CREATE TABLE presence_self (id INTEGER PRIMARY KEY CHECK (id = 1), incarnation INTEGER NOT NULL)',
  `CREATE TABLE presence_heartbeats (
     peer_id TEXT PRIMARY KEY, received_at INTEGER NOT NULL, document BLOB NOT NULL)`,
  `CREATE TABLE presence_log (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, peer_id TEXT NOT NULL, event TEXT NOT NULL, value REAL)`,
];

/** `value` of a heartbeat: its seq; of a round trip: ms. */
export type PresenceEvent = 'connected' | 'disconnected' | 'heartbeat' | 'round_trip';

export interface StoredHeartbeat {
  readonly peerId: PeerId;
  /** Wall clock, ms. */
  readonly receivedAt: number;
  readonly document: Uint8Array;
}

export interface HistoryLimits {
  readonly maxLogRows: number;
  readonly maxAgeMs: number;
  /** Events that wait for the next batch; beyond, the oldest are dropped. */
  readonly maxPending: number;
}

const LIMITS: HistoryLimits = { maxLogRows: 100_000, maxAgeMs: 7 * 86_400_000, maxPending: 10_000 };
/** Statements of one commit, so that nobody else's commit waits for a long one. */
const BATCH = 1_000;

export interface PresenceHistory {
  /** max(stored + 1, `atLeast`), durable when resolved. */
  nextIncarnation(atLeast: number): Promise<number>;
  heartbeats(): Promise<StoredHeartbeat[]>;
  keep(heartbeat: StoredHeartbeat): void;
  forget(peerId: PeerId): void;
  note(peerId: PeerId, event: PresenceEvent, value?: number): void;
  /** Writes what waits. A full or failing disk loses this batch, never the node. */
  flush(): Promise<void>;
}

export async function openPresenceHistory(
  { store, clock, log }: { readonly store: Store; readonly clock: Clock; readonly log: Logger },
  limits: Partial<HistoryLimits> = {},
): Promise<PresenceHistory> {
  const { maxLogRows, maxAgeMs, maxPending } = { ...LIMITS, ...limits };
  await store.migrate('presence', MIGRATIONS);
  /** One per listed member. */
  const newest = new Map<PeerId, StoredHeartbeat | undefined>();
  let events: Statement[] = [];

  return {
    async nextIncarnation(atLeast) {
      const [row] = await store.read<Row>('SELECT incarnation FROM presence_self WHERE id = 1');
      const incarnation = Math.max(Number(row?.['incarnation'] ?? 0) + 1, Math.floor(atLeast));
      await store.write([
        {
          sql: `INSERT INTO presence_self (id, incarnation) VALUES (1, ?)
                ON CONFLICT (id) DO UPDATE SET incarnation = excluded.incarnation`,
          params: [incarnation],
        },
      ]);
      return incarnation;
    },
    async heartbeats() {
      const rows = await store.read<Row>('SELECT peer_id, received_at, document FROM presence_heartbeats');
      return rows.map((row) => ({
        peerId: String(row['peer_id']),
        receivedAt: Number(row['received_at']),
        document: row['document'] as Uint8Array,
      }));
    },
    keep(heartbeat) {
      newest.set(heartbeat.peerId, heartbeat);
    },
    forget(peerId) {
      newest.set(peerId, undefined);
    },
    note(peerId, event, value) {
      events.push({
        sql: 'INSERT INTO presence_log (at, peer_id, event, value) VALUES (?, ?, ?, ?)',
        params: [clock.now(), peerId, event, value ?? null],
      });
      if (events.length > maxPending) events = events.slice(-Math.ceil(maxPending / 2));
    },
    async flush() {
      const statements: Statement[] = [...newest].map(([peerId, heartbeat]) =>
        heartbeat
          ? {
              sql: `INSERT INTO presence_heartbeats (peer_id, received_at, document) VALUES (?, ?, ?)
                    ON CONFLICT (peer_id) DO UPDATE SET received_at = excluded.received_at, document = excluded.document`,
              params: [peerId, heartbeat.receivedAt, heartbeat.document],
            }
          : { sql: 'DELETE FROM presence_heartbeats WHERE peer_id = ?', params: [peerId] },
      );
      statements.push(...events);
      const hadEvents = events.length > 0;
      newest.clear();
      events = [];
      if (statements.length === 0) return;
      if (hadEvents) {
        statements.push(
          {
            sql: 'DELETE FROM presence_log WHERE id <= (SELECT max(id) FROM presence_log) - ?',
            params: [maxLogRows],
          },
          {
            // Rows come in order of time, so the old ones are found from the front without an index.
            sql: `DELETE FROM presence_log WHERE id < coalesce(
                    (SELECT id FROM presence_log WHERE at >= ? ORDER BY id LIMIT 1), 0)`,
            params: [clock.now() - maxAgeMs],
          },
        );
      }
      try {
        for (let from = 0; from < statements.length; from += BATCH) {
          await store.write(statements.slice(from, from + BATCH));
        }
      } catch (error) {
        log.warn({ action: 'presence_flush', error }, 'presence was not written; the next batch will be');
      }
    },
  };
}
