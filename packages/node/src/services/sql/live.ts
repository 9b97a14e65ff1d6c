/**
 * Live queries: the rows of a query, and how they change. The query runs again when its database moved; of changes in quick
 * succession only the last state may show, but every final state does. Rows are told apart by the columns of a key.
 */
import { encodeCbor, isP2posError, P2posError, type SqlParams, type SqlValue } from '@p2pos/protocol';
import { type Clock, sleep } from '../../core/clock/index.ts';
import type { RowSet } from './engine.ts';

export interface LiveInput {
  readonly app: string;
  readonly name: string;
  readonly sql: string;
  readonly params?: SqlParams | undefined;
  /** Columns whose values name a row; default: all columns, so that a row never changes but comes and goes. */
  readonly key?: readonly string[] | undefined;
}

/** `rows` first, and again where the columns changed; then `change`: rows that are new or other, and those that are gone. */
export type LiveEvent =
  | { readonly type: 'rows'; readonly index: number; readonly columns: string[]; readonly rows: SqlValue[][] }
  | {
      readonly type: 'change';
      readonly index: number;
      readonly upserts: SqlValue[][];
      readonly removes: SqlValue[][];
    };

export interface LiveDeps {
  readonly clock: Clock;
  /** Until the database is at another index than `after`, or some time has passed. */
  readonly wait: (input: LiveInput, after: number | null, signal: AbortSignal) => Promise<number>;
  readonly query: (input: LiveInput, signal: AbortSignal) => Promise<RowSet>;
}

/** Bounds how often a query runs again. */
const REST_MS = 50;
const RETRY_MS = 500;
const MAX_LIVE = 1_000;

export interface LiveQueries {
  /** @throws P2posError OVERLOADED, what the query does wrong */
  follow(input: LiveInput, signal: AbortSignal): AsyncGenerator<LiveEvent>;
}

export function createLiveQueries({ clock, wait, query }: LiveDeps): LiveQueries {
  let running = 0;

  /** Holders that are away for a moment come back. */
  async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted || !isP2posError(error) || !error.retry) throw error;
        await sleep(clock, RETRY_MS, { signal });
      }
    }
  }

  async function* follow(input: LiveInput, signal: AbortSignal): AsyncGenerator<LiveEvent> {
    let index: number | null = null;
    let known: Known | undefined;
    for (;;) {
      const before: number | null = index;
      const now: number = await patiently(() => wait(input, before, signal), signal);
      if (now === index) continue;
      index = now;
      const { columns, rows } = await patiently(() => query(input, signal), signal);
      const next: Known = { columns, rows: keyed(columns, rows, input.key) };
      if (!known || known.columns.join('\0') !== columns.join('\0'))
        yield { type: 'rows', index, columns, rows };
      else {
        const change = difference(known, next);
        if (change.upserts.length + change.removes.length > 0) yield { type: 'change', index, ...change };
      }
      known = next;
      await sleep(clock, REST_MS, { signal });
    }
  }

  return {
    async *follow(input, signal) {
      if (running >= MAX_LIVE) throw new P2posError('OVERLOADED', { what: 'Live queries' });
      running += 1;
      try {
        yield* follow(input, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        running -= 1;
      }
    },
  };
}

interface Known {
  readonly columns: readonly string[];
  readonly rows: ReadonlyMap<string, { readonly row: SqlValue[]; readonly text: string }>;
}

/** Rows of one key are told apart by their order. @throws P2posError SQL_REFUSED: no such column */
function keyed(
  columns: readonly string[],
  rows: readonly SqlValue[][],
  key: LiveInput['key'],
): Known['rows'] {
  const places = (key ?? columns).map((column) => {
    const at = columns.indexOf(column);
    if (at < 0)
      throw new P2posError('SQL_REFUSED', {
        reason: `its result has no column ${column}, which the key names`,
      });
    return at;
  });
  const found = new Map<string, { row: SqlValue[]; text: string }>();
  const counts = new Map<string, number>();
  for (const row of rows) {
    const name = textOf(places.map((at) => row[at] ?? null));
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    found.set(`${count}/${name}`, { row, text: textOf(row) });
  }
  return found;
}

function textOf(values: readonly SqlValue[]): string {
  return Buffer.from(encodeCbor(values)).toString('latin1');
}

function difference(before: Known, now: Known): { upserts: SqlValue[][]; removes: SqlValue[][] } {
  const upserts = [...now.rows].filter(([name, { text }]) => before.rows.get(name)?.text !== text);
  const removes = [...before.rows].filter(([name]) => !now.rows.has(name));
  return { upserts: upserts.map(([, { row }]) => row), removes: removes.map(([, { row }]) => row) };
}
