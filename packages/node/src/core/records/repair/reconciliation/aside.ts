/**
 * Records taken out of service without being destroyed: an old copy of a disk held them, or a member that was away for long,
 * and nobody else does; or they are damaged and lie where they belong no more.
 */
import type { Store } from '../../../store/index.ts';
import type { SlotContents } from './digests.ts';

const MIGRATIONS = [
  `CREATE TABLE repair_aside (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, header BLOB NOT NULL, value BLOB, proof BLOB NOT NULL)`,
];
const MOVE = `INSERT INTO repair_aside (at, header, value, proof)
  SELECT ?4, header, value, proof FROM records WHERE replicas = ?1 AND slot = ?2 AND leaf = ?3`;
const REMOVE = 'DELETE FROM records WHERE replicas = ?1 AND slot = ?2 AND leaf = ?3';

export interface Aside {
  set(count: number, slot: number, leaves: readonly Uint8Array[]): Promise<void>;
}

export async function openAside({
  store,
  contents,
  now,
}: {
  readonly store: Pick<Store, 'migrate' | 'write'>;
  readonly contents: Pick<SlotContents, 'changed'>;
  readonly now: () => number;
}): Promise<Aside> {
  await store.migrate('records_aside', MIGRATIONS);
  return {
    async set(count, slot, leaves) {
      if (leaves.length === 0) return;
      const at = now();
      try {
        await store.write(
          leaves.flatMap((leaf) => [
            { sql: MOVE, params: [count, slot, leaf, at] },
            { sql: REMOVE, params: [count, slot, leaf] },
          ]),
        );
      } finally {
        // An error may have left them either way.
        contents.changed(count, slot);
      }
    },
  };
}
