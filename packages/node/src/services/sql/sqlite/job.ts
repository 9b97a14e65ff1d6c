/** What the process of the sqlite engine is asked and answers. It imports nothing of ours at run time, so it starts fast. */
import type { SqlParams } from '@p2pos/protocol';
import type { RowSet, StatementResult } from '../engine.ts';

export interface JobStatement {
  readonly sql: string;
  readonly params: SqlParams;
  readonly verb: string;
  readonly trusted: boolean;
}

export interface WriteJob {
  readonly kind: 'write';
  readonly key: string;
  readonly hash: string;
  /** When it was asked for, ms since the epoch. */
  readonly at: number;
  readonly statements: readonly JobStatement[];
}

export type Work =
  | WriteJob
  | { readonly kind: 'query'; readonly statement: JobStatement }
  | { readonly kind: 'begin' | 'commit' | 'rollback' }
  | { readonly kind: 'step'; readonly statement: JobStatement }
  | { readonly kind: 'status' }
  | { readonly kind: 'fence'; readonly isUp: boolean }
  /** Makes a file of either engine one of `engine`; answers what its schema is made of. */
  | { readonly kind: 'adapt'; readonly other: string; readonly engine: 'sqlite' | 'rqlite' }
  /** Results of requests that were asked for before are dropped. */
  | { readonly kind: 'forget'; readonly before: number }
  /** Copies everything into a new file, or takes everything from one, which is then gone. */
  | { readonly kind: 'backup' | 'restore'; readonly other: string }
  | { readonly kind: 'close' };

export type Job = Work & {
  readonly id: number;
  /** The database's file. */
  readonly file: string;
};

export interface Failure {
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface FileStatus {
  readonly version: string;
  readonly bytes: number;
  /** Grows with each commit while the file is open. */
  readonly commits: number;
}

export interface JobAnswer {
  readonly id: number;
  readonly failure?: Failure;
  readonly results?: readonly StatementResult[];
  readonly rows?: RowSet;
  readonly status?: FileStatus;
}

export interface FileLimits {
  readonly maxResultBytes: number;
  /** Of one text or blob, and of a statement. */
  readonly maxValueBytes: number;
}
