/** Lets go the values of expired records: what stays is a tombstone of the same version, which still verifies. */
import type { TaskGroup } from '../../tasks/index.ts';
import type { RecordTable } from './store.ts';

/** Clocks differ: a value goes only when it has expired on every node. */
const GRACE_MS = 60_000;
const EVERY_MS = 60_000;
const BATCH = 500;

export function startSweeper({
  table,
  tasks,
  now,
}: {
  readonly table: Pick<RecordTable, 'dropExpiredValues'>;
  readonly tasks: TaskGroup;
  readonly now: () => number;
}): void {
  tasks.every({ name: 'records_sweep', intervalMs: EVERY_MS }, async (signal) => {
    while (!signal.aborted && (await table.dropExpiredValues(now() - GRACE_MS, BATCH)) === BATCH);
  });
}
