/** The main thread's end of the writing thread: one message per event-loop turn each way, and its death noticed. */
import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { P2posError } from '@p2pos/protocol';
import { isPackable, Packer } from './packing.ts';
import type { SqlValue, Statement, WriteResult } from './port.ts';
import { sizeOfValue } from './sqlite-connection.ts';
import { closedError, errorOf } from './store-error.ts';
import type { StoreFileConfig } from './store-file.ts';
import type { Answer, Opening, Report, Request } from './store-worker.ts';

export interface ThreadConfig extends StoreFileConfig {
  /** Greatest sum of statements and parameters that wait for their commit. */
  readonly maxQueuedBytes: number;
  /** Tests pass a worker that misbehaves. */
  readonly workerFile?: URL;
  /** Of requests; tests begin near the end. */
  readonly firstId?: number;
}

export interface Thread extends AsyncDisposable {
  readonly storeId: string;
  readonly commits: number;
  /** Aborts, with the error as reason, when the thread died or its disk failed; nothing is accepted then. */
  readonly failed: AbortSignal;
  write(statements: readonly Statement[]): Promise<WriteResult[]>;
  migrate(owner: string, migrations: readonly string[]): Promise<void>;
}

interface Pending {
  readonly bytes: number;
  readonly resolve: (results: WriteResult[]) => void;
  readonly reject: (error: Error) => void;
}

/** Distributive, so that each kind keeps its own fields. */
type Unnumbered<R> = R extends Request & { readonly id: number } ? Omit<R, 'id'> : never;

const STATEMENT_BYTES = 64;
/** As it is packed. */
const MAX_ID = 0xffff_ffff;
/** The thread holds one group of statements and the statements' plans; SQLite's own memory does not count here. */
const HEAP = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 4 };

export async function startThread(config: ThreadConfig): Promise<Thread> {
  const {
    workerFile = new URL('./store-worker.ts', import.meta.url),
    maxQueuedBytes,
    firstId = 1,
    ...workerData
  } = config;
  // With the cache of the main thread the worker need not load the compiler that strips types (10 MB).
  const env = { NODE_COMPILE_CACHE: getCompileCacheDir() ?? '' };
  const worker = new Worker(workerFile, { workerData, env, execArgv: [], resourceLimits: HEAP });
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const opening = await firstMessage(worker);
  if ('failure' in opening) {
    await ended;
    throw errorOf(opening.failure);
  }

  const failure = new AbortController();
  const pending = new Map<number, Pending>();
  let commits = opening.commits;
  let outbox: Request[] = [];
  const packer = new Packer();
  let queuedBytes = 0;
  let lastId = firstId - 1;
  let closing = false;

  function fail(error: P2posError): void {
    if (failure.signal.aborted) return;
    failure.abort(error);
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
    void worker.terminate();
  }

  function settle({ id, results, failure }: Answer): void {
    const waiting = pending.get(id);
    pending.delete(id);
    queuedBytes -= waiting?.bytes ?? 0;
    if (failure) waiting?.reject(errorOf(failure));
    else waiting?.resolve([...(results ?? [])]);
    if (failure?.fatal) fail(errorOf(failure));
  }

  function made(counts: readonly number[]): void {
    for (let at = 0; at < counts.length; ) {
      const id = counts[at++] as number;
      const results = new Array<WriteResult>(counts[at++] as number);
      for (let i = 0; i < results.length; i++) results[i] = { changes: counts[at++] as number };
      const waiting = pending.get(id);
      if (!waiting) continue;
      pending.delete(id);
      queuedBytes -= waiting.bytes;
      waiting.resolve(results);
    }
  }

  /** Ends the run of packed writes, so that what follows stays behind them. */
  function endRun(): void {
    if (!packer.isEmpty) outbox.push({ kind: 'packed', run: packer.take() });
  }

  function flush(): void {
    endRun();
    const requests = outbox;
    outbox = [];
    const runs = requests.flatMap((request) => (request.kind === 'packed' ? [request.run] : []));
    worker.postMessage(requests, runs);
  }

  function ask(request: Unnumbered<Request>, bytes: number): Promise<WriteResult[]> {
    return new Promise((resolve, reject) => {
      if (failure.signal.aborted) return reject(failure.signal.reason);
      if (closing) return reject(closedError());
      if (queuedBytes + bytes > maxQueuedBytes)
        return reject(new P2posError('OVERLOADED', { what: 'The store' }));
      if (outbox.length === 0 && packer.isEmpty) setImmediate(flush);
      queuedBytes += bytes;
      // After 2^32 writes those before have long been answered.
      const id = (lastId % MAX_ID) + 1;
      lastId = id;
      pending.set(id, { bytes, resolve, reject });
      if (request.kind === 'write' && isPackable(request.statements)) {
        packer.add(id, request.statements);
        return;
      }
      endRun();
      outbox.push({ id, ...request } as Request);
    });
  }

  worker.on('message', (report: Report) => {
    commits = report.commits;
    if (report.made) made(report.made);
    for (const answer of report.answers) settle(answer);
  });
  worker.on('error', (error) => fail(threadError(error.message)));
  worker.on('exit', () => {
    if (!closing || pending.size > 0) fail(threadError('its thread ended'));
  });

  return {
    storeId: opening.storeId,
    failed: failure.signal,
    get commits() {
      return commits;
    },
    write: (statements) => ask({ kind: 'write', statements }, sizeOf(statements)),
    async migrate(owner, migrations) {
      await ask({ kind: 'migrate', owner, migrations }, 0);
    },
    async [Symbol.asyncDispose]() {
      if (!closing && !failure.signal.aborted) {
        const closed = ask({ kind: 'close' }, 0);
        closing = true;
        await closed.catch(() => {});
      }
      await ended;
    },
  };
}

function firstMessage(worker: Worker): Promise<Opening> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', (error) => reject(threadError(error.message)));
    worker.once('exit', () => reject(threadError('its thread ended at once')));
  });
}

function threadError(reason: string): P2posError {
  return new P2posError('STORE_FAILED', { reason });
}

const NONE: readonly SqlValue[] = [];

function sizeOf(statements: readonly Statement[]): number {
  let bytes = 0;
  for (let i = 0; i < statements.length; i++) {
    const { sql, params = NONE } = statements[i] as Statement;
    bytes += STATEMENT_BYTES + sql.length;
    for (let j = 0; j < params.length; j++) bytes += sizeOfValue(params[j] as SqlValue);
  }
  return bytes;
}
