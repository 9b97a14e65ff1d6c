/** A disk that takes its time, stalls, fails, is full, lies, or takes the process with it: between a node and the store that keeps its bytes. */
import { P2posError } from '@p2pos/protocol';
import { sleep } from '../../core/clock/index.ts';
import type { Statement, Store, WriteResult } from '../../core/store/index.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { storeThrough } from '../store-through.ts';
import type { SimClock } from './sim-clock.ts';

export interface DiskState {
  /** Of commits, ms; a slow disk has more. */
  commitMs: number;
  failing: boolean;
  full: boolean;
  /** Nothing is read or written before then, monotonic ms. */
  stalledUntil: number;
  /** What one of the next commits meets. */
  fate: Fate | undefined;
  /** The planted fault: says that a commit is on disk, which it is only this much later, ms. */
  liesMs: number;
}

export interface Fate {
  /** Which: 1 is the next. */
  commits: number;
  /** Whether it is on the disk when it strikes. */
  readonly applied: boolean;
  /** Nothing is answered, or that it failed: then the store is closed, as after any error of input or output. */
  readonly answer: 'none' | 'failure';
  readonly met: () => void;
}

export function createDiskState(): DiskState {
  return { commitMs: 0.5, failing: false, full: false, stalledUntil: 0, fate: undefined, liesMs: 0 };
}

export function simDisk(
  store: Store,
  state: DiskState,
  { clock, random }: { readonly clock: SimClock; readonly random: SeededRandom },
): Store {
  let turn: Promise<unknown> = Promise.resolve();
  let broken = false;
  const isHeldUp = () => clock.frozen || clock.monotonic() < state.stalledUntil;
  const failed = () => new P2posError('STORE_FAILED', { reason: 'the disk failed and the store was closed' });

  async function ready(): Promise<void> {
    while (isHeldUp()) await sleep(clock, Math.max(0, state.stalledUntil - clock.monotonic()));
    if (broken) throw failed();
  }

  async function commit(statements: readonly Statement[]): Promise<WriteResult[]> {
    // Commits keep the order of the calls, however long each takes.
    const before = turn;
    const mine = (async () => {
      await before.catch(() => {});
      await sleep(clock, state.commitMs * (0.5 + random.float()));
      await ready();
      const { fate } = state;
      if (fate && --fate.commits <= 0) return meet(fate, statements);
      return store.write(statements);
    })();
    turn = mine;
    return mine;
  }

  async function meet(fate: Fate, statements: readonly Statement[]): Promise<WriteResult[]> {
    state.fate = undefined;
    if (fate.applied) await store.write(statements);
    broken = fate.answer === 'failure';
    fate.met();
    if (broken) throw failed();
    return new Promise(() => {});
  }

  return storeThrough(store, {
    async read(sql, params) {
      if (broken || isHeldUp()) await ready();
      return store.read(sql, params);
    },
    async write(statements) {
      if (broken) throw failed();
      if (state.failing) throw new P2posError('STORE_FAILED', { reason: 'the disk fails' });
      if (state.full) throw new P2posError('STORE_FULL', { maxBytes: 0 });
      if (state.liesMs === 0) return commit(statements);
      const late = sleep(clock, state.liesMs);
      turn = turn.catch(() => {}).then(() => late);
      commit(statements).catch(() => {});
      // Nobody knows yet whether anything will change.
      return statements.map(() => ({ changes: 1 }));
    },
  });
}
