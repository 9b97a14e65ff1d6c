/** A store as its owners see it, on disk or in memory. */
export type SqlValue = null | number | bigint | string | Uint8Array;
export type Row = Record<string, SqlValue>;

export interface Statement {
  readonly sql: string;
  readonly params?: readonly SqlValue[];
}

export interface WriteResult {
  readonly changes: number;
}

export interface StorePosition {
  /** Random, made with the store; another id under the same node key means another (or a new) disk. */
  readonly storeId: string;
  /** Commits since the store was made; a lower one than a peer remembers means an old backup. */
  readonly commits: number;
}

export interface Store extends AsyncDisposable {
  readonly storeId: string;
  /** Brings the tables of `owner` to the newest form: runs the migrations it has not yet run, in order, once. */
  migrate(owner: string, migrations: readonly string[]): Promise<void>;
  /** Rows of a read-only statement; sees everything that was durable when it was called. */
  read<R extends Row>(sql: string, params?: readonly SqlValue[]): Promise<R[]>;
  /**
   * All statements or none, durable when resolved. Concurrent writes share one commit; one that fails does not
   * fail its neighbours. Rejects with STORE_FULL when the disk is, STORE_FAILED otherwise.
   */
  write(statements: readonly Statement[]): Promise<WriteResult[]>;
  position(): StorePosition;
}
