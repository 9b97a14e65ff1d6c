/**
 * A replica's commit log. It is the table of records itself: each row carries the position of its newest change, so the
 * log never grows beyond what is held, and a replay gives every key once, in its newest state.
 */
import type { Store } from '../../store/index.ts';
import { endOf, startsWith } from '../format/range.ts';
import { MAX_BATCH_BYTES } from '../format/wire.ts';
import * as sql from '../replica/schema.ts';
import { partitionOf, type RecordRow, type StoredRecord } from '../replica/stored.ts';

export interface LogRange {
  readonly namespace: string;
  readonly prefix: Uint8Array;
}

export interface LogEntry {
  readonly key: Uint8Array;
  readonly partition: Uint8Array;
  readonly stored: StoredRecord;
  readonly position: number;
}

export interface LogPage {
  readonly entries: readonly LogEntry[];
  /** Everything up to here was looked at. */
  readonly position: number;
  /** There was more when it was read. */
  readonly more: boolean;
}

export interface CommitLog {
  readonly storeId: string;
  /** `compacted`: rows of the namespace with changes up to there are gone; who follows from below may have missed them. */
  bounds(namespace: string): Promise<{ readonly head: number; readonly compacted: number }>;
  /** Changes in the range after `position`, at most `limit`, and hardly more bytes than one answer holds. */
  page(range: LogRange, position: number, limit: number): Promise<LogPage>;
  /** To be called after each commit, with what was changed. */
  committed(changes: readonly { readonly namespace: string; readonly key: Uint8Array }[] | 'some'): void;
  /** Tells `run` once, when a change in the range is committed. */
  next(range: LogRange, run: () => void): Disposable;
}

/** Rows that one page looks at, whether they are in its range or not. */
const WINDOW = 4_096;
/** Read at once: of the greatest records 9 MiB, less than a read may give. */
const STEP = 64;

type LogRow = RecordRow & { readonly position: number };

interface Waiter extends LogRange {
  readonly run: () => void;
}

export function createCommitLog({
  store,
  stored,
}: {
  readonly store: Pick<Store, 'storeId' | 'read'>;
  readonly stored: (row: RecordRow) => StoredRecord;
}): CommitLog {
  const waiting = new Map<string, Set<Waiter>>();

  function wake(waiters: Iterable<Waiter>): void {
    for (const waiter of [...waiters]) {
      remove(waiter);
      waiter.run();
    }
  }

  function remove(waiter: Waiter): void {
    const waiters = waiting.get(waiter.namespace);
    waiters?.delete(waiter);
    if (waiters?.size === 0) waiting.delete(waiter.namespace);
  }

  return {
    storeId: store.storeId,
    async bounds(namespace) {
      const [row] = await store.read<{ head: number; compacted: number }>(sql.SELECT_LOG_BOUNDS, [namespace]);
      return { head: row?.head ?? 0, compacted: row?.compacted ?? 0 };
    },
    async page({ namespace, prefix }, position, limit) {
      const [end] = await store.read<{ position: number | null }>(sql.SELECT_LOG_END, [position, WINDOW]);
      if (end?.position == null) return { entries: [], position, more: false };
      const entries: LogEntry[] = [];
      let bytes = 0;
      let at = position;
      while (entries.length < limit && bytes < MAX_BATCH_BYTES) {
        const step = Math.min(STEP, limit - entries.length);
        const params = [at, end.position, namespace, prefix, endOf(prefix), step];
        const rows = await store.read<LogRow>(sql.SELECT_LOG, params);
        for (const row of rows) {
          bytes += row.header.length + (row.value?.length ?? 0) + row.proof.length;
          const { key, position } = row;
          entries.push({ key, partition: partitionOf(row), stored: stored(row), position });
        }
        const last = rows.at(-1);
        if (!last || rows.length < step) return { entries, position: end.position, more: true };
        at = last.position;
      }
      // There may be others in the window.
      return { entries, position: at, more: true };
    },
    committed(changes) {
      if (waiting.size === 0) return;
      if (changes === 'some') {
        for (const waiters of [...waiting.values()]) wake(waiters);
        return;
      }
      for (const { namespace, key } of changes) {
        const waiters = waiting.get(namespace);
        if (waiters) wake([...waiters].filter(({ prefix }) => startsWith(key, prefix)));
      }
    },
    next(range, run) {
      const waiter = { ...range, run };
      const waiters = waiting.get(range.namespace) ?? new Set();
      waiting.set(range.namespace, waiters.add(waiter));
      return { [Symbol.dispose]: () => remove(waiter) };
    },
  };
}
