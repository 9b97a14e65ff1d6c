/**
 * The thread that writes, started by `store-thread.ts`. It imports as little as it can: what a thread imports costs
 * memory once more. All requests that arrive while a commit runs go into the next one.
 */
import { flushCompileCache } from 'node:module';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type PackedWrite, Unpacker } from './packing.ts';
import type { Statement, WriteResult } from './port.ts';
import type { Engine } from './sqlite-engine.ts';
import { type Failure, failureOf } from './sqlite-failure.ts';
import { lockFolder, openStoreFile, type StoreFileConfig, storeFileOf } from './store-file.ts';

export type Request =
  | ({ readonly id: number } & (
      | { readonly kind: 'write'; readonly statements: readonly Statement[] }
      | { readonly kind: 'migrate'; readonly owner: string; readonly migrations: readonly string[] }
      | { readonly kind: 'close' }
    ))
  /** Writes with ids of their own, as `packing.ts` has them. */
  | { readonly kind: 'packed'; readonly run: ArrayBuffer };

export interface Answer {
  readonly id: number;
  readonly results?: readonly WriteResult[];
  readonly failure?: Failure;
}

/** What became of a group of requests, in one message. */
export interface Report {
  readonly commits: number;
  readonly answers: readonly Answer[];
  /** Writes that were made: id, number of statements, rows that each changed, and so on. */
  readonly made?: readonly number[];
}

/** First message of the thread: its store is open, or why it is not. */
export type Opening = { readonly storeId: string; readonly commits: number } | { readonly failure: Failure };

/** Bounds how long a commit takes, so that the first of a long queue need not wait for the last. */
const MAX_GROUP = 1_024;

type Step = PackedWrite | Exclude<Request, { kind: 'packed' | 'write' }>;

function serve(port: MessagePort, engine: Engine, file: string, end: () => void): void {
  const queue: Step[] = [];
  const unpacker = new Unpacker();

  function take(requests: readonly Request[]): void {
    for (const request of requests) {
      // More than can be arguments of one call.
      if (request.kind === 'packed') for (const write of unpacker.unpack(request.run)) queue.push(write);
      else queue.push(request);
    }
  }

  function next(): Omit<Report, 'commits'> {
    let count = 0;
    while (count < queue.length && count < MAX_GROUP && 'statements' in (queue[count] as Step)) count++;
    if (count > 0) return commit(queue.splice(0, count) as PackedWrite[]);
    const request = queue.shift() as Exclude<Step, PackedWrite>;
    try {
      if (request.kind === 'migrate') engine.migrate(request.owner, request.migrations);
      if (request.kind === 'close') end();
      return { answers: [{ id: request.id }] };
    } catch (error) {
      return { answers: [{ id: request.id, failure: failureOf(error, file) }] };
    }
  }

  function commit(writes: readonly PackedWrite[]): Omit<Report, 'commits'> {
    const outcomes = engine.commit(writes.map(({ statements }) => statements));
    const answers: Answer[] = [];
    const made: number[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const { id } = writes[index] as PackedWrite;
      if ('failure' in outcome) {
        answers.push({ id, ...outcome });
        continue;
      }
      made.push(id, outcome.results.length);
      for (const { changes } of outcome.results) made.push(changes);
    }
    return { answers, made };
  }

  port.on('message', (requests: Request[]) => {
    take(requests);
    while (queue.length > 0) {
      for (let more = receiveMessageOnPort(port); more; more = receiveMessageOnPort(port)) take(more.message);
      port.postMessage({ ...next(), commits: engine.commits } satisfies Report);
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
      // Whatever the disk refuses by then, this thread ends.
      port.unref();
      held.dispose();
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
  if (system && 'code' in error && error.code === 'ENOSPC') return { code: 'STORE_FULL', details: { file } };
  const refused =
    error instanceof Error && 'errcode' in error && [8, 14].includes(Number(error.errcode) & 0xff);
  if (!system && !refused) return failure;
  return { code: 'HOME_UNWRITABLE', details: { folder, reason: (error as Error).message } };
}
