import type { Logger } from '../log/index.ts';
import type { Random } from '../random/index.ts';
import type { Row, SqlValue, Store } from './port.ts';
import { Connection } from './sqlite-connection.ts';
import { failureOf } from './sqlite-failure.ts';
import { closedError, errorOf } from './store-error.ts';
import { storeFileOf } from './store-file.ts';
import { startThread } from './store-thread.ts';

export interface StoreDeps {
  readonly random: Pick<Random, 'bytes'>;
  readonly log: Logger;
}

export interface StoreConfig {
  /** Made when absent. One process at a time holds it. */
  readonly folder: string;
  /** Statements and parameters that wait for their commit; more are refused with OVERLOADED. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /** Greatest size of the database; 0 (default): what the disk has. */
  readonly maxBytes?: number;
  /** Greatest size of one read's rows. Default 16 MiB. */
  readonly maxReadBytes?: number;
}

export interface DiskStore extends Store {
  /** Aborts, with the error as reason, when the disk failed: the store is closed and the node should end. */
  readonly failed: AbortSignal;
}

const MIB = 1024 * 1024;

/**
 * Opens the store of a folder, or makes it. Rejects with HOME_IN_USE, HOME_UNWRITABLE, STORE_CORRUPT,
 * STORE_TOO_NEW, STORE_FULL, STORE_FAILED.
 *
 * Writes run in a thread of their own. Reads run here, on a read-only connection: a point read takes about as
 * long as handing it to a thread and its answer back would cost this one, and it never waits for a commit's fsync.
 * A reader must therefore bound what it asks for.
 */
export async function openStore({ random, log }: StoreDeps, config: StoreConfig): Promise<DiskStore> {
  const { folder, maxQueuedBytes = 64 * MIB, maxBytes = 0, maxReadBytes } = config;
  const newStoreId = Buffer.from(random.bytes(16)).toString('hex');
  const file = storeFileOf(folder);
  const thread = await startThread({ folder, newStoreId, maxBytes, maxQueuedBytes });
  const reader = await openReader();
  let closed = false;

  /** Where that fails the folder must not stay locked, nor the thread go on. */
  async function openReader(): Promise<Connection> {
    try {
      return new Connection({ file, readOnly: true, ...(maxReadBytes !== undefined && { maxReadBytes }) });
    } catch (error) {
      await thread[Symbol.asyncDispose]();
      throw errorOf(failureOf(error, file));
    }
  }

  thread.failed.addEventListener('abort', () => {
    log.error({ action: 'store_failed', file, error: thread.failed.reason }, 'store failed and was closed');
  });

  return {
    storeId: thread.storeId,
    failed: thread.failed,
    position: () => ({ storeId: thread.storeId, commits: thread.commits }),
    migrate: (owner, migrations) => thread.migrate(owner, migrations),
    write: (statements) => thread.write(statements),
    async read<R extends Row>(sql: string, params: readonly SqlValue[] = []) {
      if (thread.failed.aborted) throw thread.failed.reason;
      if (closed) throw closedError();
      try {
        return reader.all<R>(sql, params);
      } catch (error) {
        throw errorOf(failureOf(error, file));
      }
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      // The last connection to close moves the journal into the main file: that is the thread's.
      reader[Symbol.dispose]();
      await thread[Symbol.asyncDispose]();
    },
  };
}
