/**
 * Whose the bytes on the disk are. SQLite tells how many pages each table and index takes; those of the records are shared out
 * among their namespaces by what each keeps in them. Nothing is estimated: the parts are the file.
 */

import type { Clock } from '../../clock/index.ts';
import type { Store } from '../../store/index.ts';
import type { DiskAccount } from '../port.ts';

const PAGES = `SELECT m.tbl_name AS "table", sum(s.pgsize) AS bytes FROM dbstat s LEFT JOIN sqlite_schema m ON m.name = s.name
  WHERE s.aggregate = TRUE GROUP BY m.tbl_name`;
const SIZES = `SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) AS total,
  (SELECT freelist_count FROM pragma_freelist_count) * (SELECT page_size FROM pragma_page_size) AS free`;
/** The name stands in the table and in one index, the leaf in another. */
const PAYLOADS = `SELECT namespace, sum(2 * length(namespace) + 2 * length(key) + 2 * length(partition) + length(version)
  + 2 * length(leaf) + length(header) + coalesce(length(value), 0) + length(proof) + 48) AS bytes
  FROM records GROUP BY namespace`;

/** Reads the whole file: for now and then. */
export async function accountDisk(store: Pick<Store, 'read'>): Promise<DiskAccount> {
  const [sizes] = await store.read<{ total: number; free: number }>(SIZES);
  const tables = await store.read<{ table: string | null; bytes: number }>(PAGES);
  const payloads = await store.read<{ namespace: string; bytes: number }>(PAYLOADS);
  const ofRecords = tables.find(({ table }) => table === 'records')?.bytes ?? 0;
  const payload = payloads.reduce((sum, { bytes }) => sum + bytes, 0);
  const namespaces = payloads
    .map(({ namespace, bytes }) => ({ namespace, bytes: Math.round((ofRecords * bytes) / payload) }))
    .sort((a, b) => b.bytes - a.bytes);
  return {
    totalBytes: sizes?.total ?? 0,
    namespaces,
    // Empty tables of the records keep their pages.
    otherBytes: tables.reduce((sum, { bytes }) => sum + bytes, 0) - (payload > 0 ? ofRecords : 0),
    freeBytes: sizes?.free ?? 0,
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
