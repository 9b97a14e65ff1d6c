/**
 * Whose the bytes on the disk are. SQLite tells how many pages each other table and index takes; the rest are those of the records,
 * shared out among their namespaces by what each keeps in them. Nothing is estimated: the parts are the file.
 */

import type { Clock } from '../../clock/index.ts';
import type { Store } from '../../store/index.ts';
import type { DiskAccount } from '../port.ts';
import { SELECT_SPACES } from './schema.ts';

/** Named one by one, since all at once would read every page of the records too. */
const OTHERS = `SELECT sum(pages) AS bytes FROM (
  SELECT (SELECT sum(pgsize) FROM dbstat WHERE name = m.name AND aggregate = TRUE) AS pages
  FROM (SELECT name, tbl_name FROM sqlite_schema WHERE rootpage > 0 UNION ALL SELECT 'sqlite_schema', '') m
  WHERE m.tbl_name <> 'records')`;
const SIZES = `SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) AS total,
  (SELECT freelist_count FROM pragma_freelist_count) * (SELECT page_size FROM pragma_page_size) AS free`;

/** Reads all but the records: for now and then. */
export async function accountDisk(store: Pick<Store, 'read'>): Promise<DiskAccount> {
  const [sizes] = await store.read<{ total: number; free: number }>(SIZES);
  const [others] = await store.read<{ bytes: number }>(OTHERS);
  const spaces = await store.read<{ namespace: string; space: number }>(SELECT_SPACES);
  const { total = 0, free = 0 } = sizes ?? {};
  const ofRecords = total - free - (others?.bytes ?? 0);
  const all = spaces.reduce((sum, { space }) => sum + space, 0);
  const namespaces = spaces
    .map(({ namespace, space }) => ({ namespace, bytes: Math.round((ofRecords * space) / all) }))
    .sort((a, b) => b.bytes - a.bytes);
  return {
    totalBytes: total,
    namespaces,
    // Empty tables of the records keep their pages.
    otherBytes: (others?.bytes ?? 0) + (all > 0 ? 0 : ofRecords),
    freeBytes: free,
  };
}

const EVERY_MS = 600_000;

/** The newest account that there is; asking for it makes another one in the background where it is old. */
export function createAccounting(deps: {
  readonly store: Pick<Store, 'read'>;
  readonly clock: Pick<Clock, 'monotonic'>;
}): () => DiskAccount | undefined {
  let newest: DiskAccount | undefined;
  let madeAt = Number.NEGATIVE_INFINITY;
  return () => {
    const at = deps.clock.monotonic();
    if (at - madeAt >= EVERY_MS) {
      madeAt = at;
      // A disk that fails shows elsewhere.
      accountDisk(deps.store).then(
        (account) => {
          newest = account;
        },
        () => {},
      );
    }
    return newest;
  };
}
