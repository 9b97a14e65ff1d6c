/**
 * The thread that writes, started by `store-thread.ts`. It imports as little as it can: what a thread imports costs
 * memory once more. All requests that arrive while a commit runs go into the next one.
 */
import { flushCompileCache } from 'node:module';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Statement, WriteResult } from './index.ts';
import type { Engine } from './sqlite-engine.ts';
import { type Failure, failureOf } from './sqlite-failure.ts';
import { lockFolder, openStoreFile, type StoreFileConfig, storeFileOf } from './store-file.ts';

export type Request = { readonly id: number } & (
  | { readonly kind: 'write'; readonly statements: readonly Statement[] }
  | { readonly kind: 'migrate'; readonly owner: string; readonly migrations: readonly string[] }
  | { readonly kind: 'close' }
);

export interface Answer {
  readonly id: number;
  readonly results?: readonly WriteResult[];
  readonly failure?: Failure;
}

/** What became of a group of requests, in one message. */
export interface Report {
  readonly commits: number;
  readonly answers: readonly Answer[];
}

/** First message of the thread: its store is open, or why it is not. */
export type Opening = { readonly storeId: string; readonly commits: number } | { readonly failure: Failure };

/** Bounds how long a commit takes, so that the first of a long queue need not wait for the last. */
const MAX_GROUP = 1_024;

function serve(port: MessagePort, engine: Engine, file: string, end: () => void): void {
  const queue: Request[] = [];

  function next(): Answer[] {
    const writes: Extract<Request, { kind: 'write' }>[] = [];
    while (queue[0]?.kind === 'write' && writes.length < MAX_GROUP)
      writes.push(queue.shift() as (typeof writes)[0]);
    if (writes.length > 0) {
      const outcomes = engine.commit(writes.map(({ statements }) => statements));
      return writes.map(({ id }, index) => ({ id, ...outcomes[index] }));
    }
    const request = queue.shift() as Request;
    try {
      if (request.kind === 'migrate') engine.migrate(request.owner, request.migrations);
      if (request.kind === 'close') end();
      return [{ id: request.id }];
    } catch (error) {
      return [{ id: request.id, failure: failureOf(error, file) }];
    }
  }

  port.on('message', (requests: Request[]) => {
    queue.push(...requests);
    while (queue.length > 0) {
      for (let more = receiveMessageOnPort(port); more; more = receiveMessageOnPort(port))
        queue.push(...more.message);
      const answers = next();
      port.postMessage({ commits: engine.commits, answers } satisfies Report);
    }
  });
}

if (parentPort) {
  const port = parentPort;
  const config = workerData as StoreFileConfig;
  const file = storeFileOf(config.folder);
  const held = new DisposableStack();
  try {
    held.use(lockFolder(config.folder));
    const engine = held.use(openStoreFile(config));
    serve(port, engine, file, () => {
      held.dispose();
      port.unref();
    });
    port.postMessage({ storeId: engine.storeId, commits: engine.commits } satisfies Opening);
    flushCompileCache();
  } catch (error) {
    held.dispose();
    port.postMessage({ failure: openingFailureOf(error, config.folder, file) } satisfies Opening);
  }
}

/** A folder that cannot be made or written is the operator's to mend, unlike a disk that fails later. */
function openingFailureOf(error: unknown, folder: string, file: string): Failure {
  const failure = failureOf(error, file);
  const system = error instanceof Error && 'syscall' in error;
  const refused =
    error instanceof Error && 'errcode' in error && [8, 14].includes(Number(error.errcode) & 0xff);
  if (!system && !refused) return failure;
  return { code: 'HOME_UNWRITABLE', details: { folder, reason: (error as Error).message } };
}
