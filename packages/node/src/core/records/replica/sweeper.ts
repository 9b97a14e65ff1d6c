/**
 * Lets go the values of expired records: what stays is a tombstone of the same version, which still verifies. That of a register
 * also holds what it remembers of its changes, for their repeats: so a majority agrees first that it is gone, as where
 * somebody meets it, and what they agree on has no value but remembers. Where they cannot, all of it stays for a day.
 */
import type { TaskGroup } from '../../tasks/index.ts';
import { DELETED_KEEP_MS } from '../cas/state.ts';
import type { Declarations } from '../declarations.ts';
import type { CallOptions } from '../port.ts';
import type { RecordTable } from './store.ts';
import type { ExpiredRecord, RecordName } from './stored.ts';

export interface SweeperDeps {
  readonly table: Pick<RecordTable, 'expired' | 'dropValues'>;
  readonly declarations: Pick<Declarations, 'get'>;
  /** Has a majority agree on what is there now. */
  readonly settleRegister: (name: RecordName, options: CallOptions) => Promise<void>;
  readonly tasks: TaskGroup;
  /** Corrected time, ms. */
  readonly now: () => number;
}

/** Clocks differ: a value goes only when it has expired on every node. */
const GRACE_MS = 60_000;
const EVERY_MS = 60_000;
const BATCH = 500;
/** Registers at once. */
const WIDTH = 64;

export function startSweeper({ table, declarations, settleRegister, tasks, now }: SweeperDeps): void {
  /** Whether all of them were. */
  async function settle(names: readonly RecordName[], signal: AbortSignal): Promise<boolean> {
    for (let at = 0; at < names.length; at += WIDTH) {
      const work = names.slice(at, at + WIDTH).map((name) => settleRegister(name, { signal }));
      if ((await Promise.allSettled(work)).some(({ status }) => status === 'rejected')) return false;
    }
    return true;
  }

  tasks.every({ name: 'records_sweep', intervalMs: EVERY_MS }, async (signal) => {
    const time = now() - GRACE_MS;
    let settles = true;
    let last: ExpiredRecord | undefined;
    while (!signal.aborted) {
      const page = await table.expired(time, last, BATCH);
      last = page.at(-1);
      if (!last) return;
      const kindOf = ({ namespace }: ExpiredRecord) => declarations.get(namespace)?.kind;
      const remembers = (record: ExpiredRecord) =>
        kindOf(record) !== 'lww' && !record.deleted && record.expiresAt > time - DELETED_KEEP_MS;
      await table.dropValues(
        page.filter((record) => record.sound && !remembers(record)),
        time,
      );
      const living = page.filter((record) => record.sound && remembers(record) && kindOf(record) === 'cas');
      // Where it failed once, no majority is to be had: a minute later it may be.
      if (settles) settles = await settle(living, signal);
    }
  });
}
