/** A disk that takes its time, fails, is full, or lies: between a node and the store that keeps its bytes. */
import { P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../core/clock/index.ts';
import type { Store, WriteResult } from '../../core/store/index.ts';
import type { SeededRandom } from '../seeded-random.ts';

export interface DiskState {
  /** Of commits, ms; a slow disk has more. */
  commitMs: number;
  failing: boolean;
  full: boolean;
  /** The planted fault: says that a commit is on disk, which it is only this much later, ms. */
  liesMs: number;
}

export function createDiskState(): DiskState {
  return { commitMs: 0.5, failing: false, full: false, liesMs: 0 };
}

export function simDisk(
  store: Store,
  state: DiskState,
  { clock, random }: { readonly clock: Clock; readonly random: SeededRandom },
): Store {
  let turn: Promise<unknown> = Promise.resolve();

  async function commit(statements: Parameters<Store['write']>[0]): Promise<WriteResult[]> {
    // Commits keep the order of the calls, however long each takes.
    const before = turn;
    const mine = (async () => {
      await before.catch(() => {});
      await sleep(clock, state.commitMs * (0.5 + random.float()));
      return store.write(statements);
    })();
    turn = mine;
    return mine;
  }

  return {
    get storeId() {
      return store.storeId;
    },
    migrate: (owner, migrations) => store.migrate(owner, migrations),
    read: (sql, params) => store.read(sql, params),
    position: () => store.position(),
    async write(statements) {
      if (state.failing) throw new P2posError('STORE_FAILED', { reason: 'the disk fails' });
      if (state.full) throw new P2posError('STORE_FULL', { maxBytes: 0 });
      if (state.liesMs === 0) return commit(statements);
      const late = sleep(clock, state.liesMs);
      turn = turn.catch(() => {}).then(() => late);
      commit(statements).catch(() => {});
      // Nobody knows yet whether anything will change.
      return statements.map(() => ({ changes: 1 }));
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
