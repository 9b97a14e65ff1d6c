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

/** Of a commit's time, how much goes by before it is on the disk. */
const BEFORE_SHARE = 0.7;

export function createDiskState(): DiskState {
  return { commitMs: 0.5, failing: false, full: false, stalledUntil: 0, fate: undefined, liesMs: 0 };
}

export function simDisk(
  store: Store,
  state: DiskState,
  { clock, random }: { readonly clock: SimClock; readonly random: SeededRandom },
): Store {
  let turn: Promise<void> = Promise.resolve();
  let broken = false;
  const isHeldUp = () => clock.frozen || clock.monotonic() < state.stalledUntil;
  const failed = () => new P2posError('STORE_FAILED', { reason: 'the disk failed and the store was closed' });

  async function ready(): Promise<void> {
    while (isHeldUp()) await sleep(clock, Math.max(0, state.stalledUntil - clock.monotonic()));
    if (broken) throw failed();
  }

  /** Commits keep the order of the calls, however long each takes. */
  async function commit(statements: readonly Statement[]): Promise<WriteResult[]> {
    const before = turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    turn = promise;
    await before;
    const results = await committed(statements).finally(resolve);
    return results ?? new Promise(() => {});
  }

  /** Undefined: nobody will ever be answered. */
  async function committed(statements: readonly Statement[]): Promise<WriteResult[] | undefined> {
    await sleep(clock, state.commitMs * (0.5 + random.float()) * BEFORE_SHARE);
    await ready();
    const { fate } = state;
    if (fate && --fate.commits <= 0) return meet(fate, statements);
    const results = await store.write(statements);
    // Others may read it before whoever wrote it is told.
    await sleep(clock, state.commitMs * random.float() * (1 - BEFORE_SHARE));
    return results;
  }

  async function meet(fate: Fate, statements: readonly Statement[]): Promise<undefined> {
    state.fate = undefined;
    if (fate.applied) await store.write(statements);
    // The process, dead or not, has no disk any more.
    broken = true;
    fate.met();
    if (fate.answer === 'failure') throw failed();
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
      turn = turn.then(() => late);
      commit(statements).catch(() => {});
      // Nobody knows yet whether anything will change.
      return statements.map(() => ({ changes: 1 }));
    },
  });
}
