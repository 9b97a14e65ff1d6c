/** SQLite's errors (https://sqlite.org/rescode.html) as codes of ours. */
import { isFence } from '../fence.ts';
import type { Failure } from './job.ts';

interface SqliteError extends Error {
  readonly errcode: number;
}

/** What is refused by the service's own code within the process. */
export class Refusal extends Error {
  readonly failure: Failure;
  constructor(code: string, details: Readonly<Record<string, unknown>>) {
    super(code);
    this.failure = { code, details };
  }
}

const CODES: Readonly<Record<number, string>> = {
  1: 'SQL_SYNTAX',
  5: 'SQL_ENGINE_FAILED',
  7: 'SQL_TOO_LARGE',
  8: 'SQL_READ_ONLY',
  10: 'SQL_ENGINE_FAILED',
  11: 'SQL_CORRUPT',
  13: 'STORE_FULL',
  14: 'SQL_ENGINE_FAILED',
  18: 'SQL_TOO_LARGE',
  19: 'SQL_CONSTRAINT',
  20: 'SQL_CONSTRAINT',
  23: 'SQL_REFUSED',
  25: 'SQL_PARAMS_INVALID',
  26: 'SQL_CORRUPT',
};

export function failureOf(error: unknown, denial: string | undefined): Failure {
  if (error instanceof Refusal) return error.failure;
  if (!isSqliteError(error)) {
    const reason = error instanceof Error ? error.message : String(error);
    // node:sqlite's own checks of what is bound.
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_INVALID'))
      return { code: 'SQL_PARAMS_INVALID', details: { reason } };
    return { code: 'SQL_ENGINE_FAILED', details: { reason } };
  }
  const reason = denial ?? error.message;
  if (isFence(reason)) return { code: 'SQL_MOVING', details: {} };
  if (denial === 'it would change the database') return { code: 'SQL_READ_ONLY', details: {} };
  const code = denial === undefined ? (CODES[error.errcode & 0xff] ?? 'SQL_ENGINE_FAILED') : 'SQL_REFUSED';
  if (code === 'SQL_TOO_LARGE')
    return { code, details: { what: 'text, blob or work memory', limit: 'allowed' } };
  return { code, details: { reason } };
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}
