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
  readonly slotOf: (namespace: string, partition: Uint8Array) => number;
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
/** Each may take as long as a write waits for a majority. */
const MAX_FAILURES = 8;

export function startSweeper({ table, declarations, settleRegister, slotOf, tasks, now }: SweeperDeps): void {
  const textOfSlot = ({ namespace, partition }: RecordName) =>
    `${slotOf(namespace, partition)} ${declarations.get(namespace)?.replicas}`;

  /** In one sweep. Where it failed once, no majority is to be had: a minute later it may be. */
  function createSettling(signal: AbortSignal): (names: readonly RecordName[]) => Promise<void> {
    const failing = new Set<string>();
    let failures = 0;
    return async (names) => {
      let left = names;
      while (!signal.aborted && failures < MAX_FAILURES) {
        left = left.filter((name) => !failing.has(textOfSlot(name)));
        if (left.length === 0) return;
        const some = left.slice(0, WIDTH);
        left = left.slice(WIDTH);
        const results = await Promise.allSettled(some.map((name) => settleRegister(name, { signal })));
        const failed = some.filter((_, i) => results[i]?.status === 'rejected');
        for (const name of failed) failing.add(textOfSlot(name));
        if (failed.length > 0) failures++;
      }
    };
  }

  tasks.every({ name: 'records_sweep', intervalMs: EVERY_MS }, async (signal) => {
    const time = now() - GRACE_MS;
    const settle = createSettling(signal);
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
      await settle(page.filter((record) => record.sound && remembers(record) && kindOf(record) === 'cas'));
    }
  });
}
