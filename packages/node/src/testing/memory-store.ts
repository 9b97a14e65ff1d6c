/**
 * A `Store` in memory with the very semantics of the one on disk: same engine, same group commit, commit in a
 * microtask. A `MemoryDisk` outlives the stores opened on it, so a node under test can restart.
 */
import type { Random } from '../core/random/index.ts';
import type { Row, SqlValue, Statement, Store, WriteResult } from '../core/store/index.ts';
import { Engine, type Outcome, type Write } from '../core/store/sqlite-engine.ts';
import { failureOf } from '../core/store/sqlite-failure.ts';
import { closedError, errorOf } from '../core/store/store-error.ts';

export interface MemoryDisk extends Disposable {
  /** The store on this disk as its last commit left it. One at a time; the one before counts as crashed. */
  open(): Store;
  /** Everything on it, for another disk to start with. */
  image(): Uint8Array;
  /** Changes what lies there behind the back of the node that runs on it. */
  tamper(statement: Statement): void;
  peek<R extends Row>(sql: string, params?: readonly SqlValue[]): R[];
}

export interface MemoryDiskConfig {
  /** Greatest size of the database, to meet STORE_FULL. */
  readonly maxBytes?: number;
  /** Kept there instead, so that the test can make copies of it. */
  readonly file?: string;
  readonly image?: Uint8Array;
}

export function createMemoryStore(random: Pick<Random, 'bytes'>, config: MemoryDiskConfig = {}): Store {
  return createMemoryDisk(random, config).open();
}

export function createMemoryDisk(
  random: Pick<Random, 'bytes'>,
  { maxBytes = 0, file = ':memory:', image }: MemoryDiskConfig = {},
): MemoryDisk {
  const newStoreId = Buffer.from(random.bytes(16)).toString('hex');
  const engine = new Engine({ file, newStoreId, maxBytes, ...(image && { image }) });
  let crash = () => {};

  return {
    open() {
      crash();
      const closed = new AbortController();
      crash = () => closed.abort();
      return openOn(engine, closed);
    },
    image: () => engine.image(),
    tamper: (statement) => void engine.commit([[statement]]),
    peek: (sql, params) => engine.read(sql, params),
    [Symbol.dispose]() {
      crash();
      engine[Symbol.dispose]();
    },
  };
}

interface Pending {
  readonly write: Write;
  readonly resolve: (results: WriteResult[]) => void;
  readonly reject: (error: Error) => void;
}

function openOn(engine: Engine, closed: AbortController): Store {
  let queue: Pending[] = [];

  async function attempt<T>(work: () => T): Promise<T> {
    await Promise.resolve();
    if (closed.signal.aborted) throw closedError();
    try {
      return work();
    } catch (error) {
      throw errorOf(failureOf(error, 'memory'));
    }
  }

  function flush(): void {
    const group = queue;
    queue = [];
    if (closed.signal.aborted) {
      for (const { reject } of group) reject(closedError());
      return;
    }
    const outcomes = engine.commit(group.map(({ write }) => write));
    for (const [index, { resolve, reject }] of group.entries()) {
      const outcome = outcomes[index] as Outcome;
      if ('results' in outcome) resolve([...outcome.results]);
      else reject(errorOf(outcome.failure));
    }
  }

  return {
    storeId: engine.storeId,
    position: () => ({ storeId: engine.storeId, commits: engine.commits }),
    migrate: (owner, migrations) => attempt(() => engine.migrate(owner, migrations)),
    read: <R extends Row>(sql: string, params: readonly SqlValue[] = []) =>
      attempt(() => engine.read<R>(sql, params)),
    write: (write) =>
      new Promise((resolve, reject) => {
        if (closed.signal.aborted) return reject(closedError());
        if (queue.length === 0) queueMicrotask(flush);
        queue.push({ write, resolve, reject });
      }),
    async [Symbol.asyncDispose]() {
      if (queue.length > 0) flush();
      closed.abort();
    },
  };
}
