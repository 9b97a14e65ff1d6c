/**
 * Failures of SQLite as plain values: they cross a thread border, and the worker that makes them stays free of
 * heavier modules. The main thread turns them into `P2posError`s of the same code.
 */
export interface Failure {
  readonly code:
    | 'STORE_FAILED'
    | 'STORE_FULL'
    | 'STORE_CORRUPT'
    | 'STORE_TOO_NEW'
    | 'HOME_IN_USE'
    | 'HOME_UNWRITABLE';
  readonly details: Readonly<Record<string, string | number>>;
  /** Nothing that this connection says can be trusted any more; the store must close. */
  readonly fatal?: boolean;
}

/** Thrown inside the engine; never leaves the store. */
export class StoreFailure extends Error {
  override readonly name = 'StoreFailure';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`${failure.code} ${JSON.stringify(failure.details)}`);
    this.failure = failure;
  }
}

/** Primary result codes, https://www.sqlite.org/rescode.html */
const SQLITE = { NOMEM: 7, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const;

/**
 * An input/output error is fatal: after a failed fsync the kernel may have dropped the pages, so a repeated commit
 * could report success for bytes that are not on the disk.
 */
export function failureOf(error: unknown, file: string): Failure {
  if (error instanceof StoreFailure) return error.failure;
  const reason = error instanceof Error ? error.message : String(error);
  switch (primaryCode(error)) {
    case SQLITE.FULL:
      return { code: 'STORE_FULL', details: { file } };
    case SQLITE.CORRUPT:
    case SQLITE.NOTADB:
      return { code: 'STORE_CORRUPT', details: { file, reason } };
    case SQLITE.IOERR:
    case SQLITE.NOMEM:
    case SQLITE.CANTOPEN:
      return { code: 'STORE_FAILED', details: { reason: `${reason} (${file})` }, fatal: true };
    default:
      return { code: 'STORE_FAILED', details: { reason } };
  }
}

/** A row is not where an index has it: SQLITE_CORRUPT_INDEX. */
export function isIndexFault(error: unknown): boolean {
  return codeOf(error) === 779;
}

function primaryCode(error: unknown): number | undefined {
  const code = codeOf(error);
  return code === undefined ? undefined : code & 0xff;
}

/** https://www.sqlite.org/rescode.html#extrc */
function codeOf(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code : undefined;
}
