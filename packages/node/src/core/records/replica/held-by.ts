/** By how many members the records of a home are held: they are looked for by that number, so under another they are not found. */
import { P2posError } from '@p2pos/protocol';
import type { Store } from '../../store/index.ts';

const MIGRATIONS = ['CREATE TABLE records_held_by (replicas INTEGER NOT NULL)'];

/** Remembers the number as long as there are records under it. @throws P2posError CONFIG_INVALID where there are some under another */
export async function requireHeldBy(
  store: Pick<Store, 'migrate' | 'read' | 'write'>,
  replicas: number,
): Promise<void> {
  await store.migrate('records_held_by', MIGRATIONS);
  const [row] = await store.read<{ replicas: number }>('SELECT replicas FROM records_held_by');
  if (row?.replicas === replicas) return;
  if (row && (await isAny(store, row.replicas))) {
    const kept = `${row.replicas} member${row.replicas === 1 ? '' : 's'}`;
    throw new P2posError('CONFIG_INVALID', {
      place: 'this home',
      key: 'records.replicas',
      reason: `is ${replicas}, and its records are held by ${kept} each: set it to ${row.replicas}; it cannot be changed once there are records`,
    });
  }
  await store.write([
    { sql: 'DELETE FROM records_held_by', params: [] },
    { sql: 'INSERT INTO records_held_by VALUES (?)', params: [replicas] },
  ]);
}

async function isAny(store: Pick<Store, 'read'>, replicas: number): Promise<boolean> {
  const tables = await store.read("SELECT 1 FROM sqlite_master WHERE name = 'records'");
  if (tables.length === 0) return false;
  return (await store.read('SELECT 1 FROM records WHERE replicas = ? LIMIT 1', [replicas])).length > 0;
}
