/** What every engine does with one database; the rules above it know no engine. */
import type { SqlConsistency, SqlHolderStatus, SqlParams, SqlValue } from '@p2pos/protocol';
import type { PeerId } from '../../core/net/index.ts';
import type { Examined } from './statements/examination.ts';

export interface Statement {
  readonly examined: Examined;
  readonly params: SqlParams;
}

export interface RowSet {
  readonly columns: string[];
  readonly rows: SqlValue[][];
}

export interface StatementResult {
  readonly changes: number;
  readonly lastInsertId: number | bigint | null;
  readonly returned?: RowSet;
  /** It is done at the commit, whose answer tells what it did. */
  readonly deferred?: true;
}

export interface WriteRequest {
  readonly statements: readonly Statement[];
  /** The same key again gives the stored results, and has no second effect. */
  readonly key: string;
  /** Of what was asked for, so that another request under the key is noticed. Hex. */
  readonly hash: string;
}

export interface EngineOptions {
  /** For the answer; a statement that takes longer has no effect. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Engine extends AsyncDisposable {
  query(
    statement: Statement,
    options: EngineOptions & { readonly consistency: SqlConsistency },
  ): Promise<RowSet>;
  /** All of a request or nothing, durable when answered. Requests of others may share the commit, never the fate. */
  write(request: WriteRequest, options: EngineOptions): Promise<StatementResult[]>;
  /** A SQLite file of everything, as of one moment. */
  backup(options: EngineOptions): Promise<Uint8Array>;
  /** Puts such a file in the place of everything. @throws P2posError SQL_REFUSED: it is no sound SQLite file */
  restore(file: Uint8Array, options: EngineOptions): Promise<void>;
  /** From now on every write and commit fails with SQL_MOVING, whoever sends it; or goes on. */
  fence(isUp: boolean, options: EngineOptions): Promise<void>;
  isFenced(options: EngineOptions): Promise<boolean>;
  /** Drops what is kept for repeats of requests that were made before. */
  forget(before: number, options: EngineOptions): Promise<void>;
  status(options: EngineOptions): Promise<Omit<SqlHolderStatus, 'peerId' | 'reachable'>>;
  readonly interactive: Interactive;
  /** Called when what is committed here may have changed. */
  onChange(listener: () => void): Disposable;
  /** Who should be asked next time; undefined: not known, or all are alike. */
  leader(): PeerId | undefined;
  /** Of engines with several voters. */
  readonly cluster?: Cluster;
}

/**
 * Serializable, and nobody sees what is not committed. `sqlite`: nobody else writes while one is open. `rqlite`: what was
 * read is compared at the commit, and nobody waits.
 */
export interface Interactive {
  /** @throws P2posError SQL_BUSY, OVERLOADED */
  begin(transaction: string, options: EngineOptions): Promise<{ readonly expiresInMs: number }>;
  /** A statement that fails is undone alone. @throws P2posError SQL_TRANSACTION_ENDED, what the statement does wrong */
  step(transaction: string, statement: Statement, options: EngineOptions): Promise<StatementResult>;
  /** What the deferred statements did, where it is known. @throws P2posError SQL_TRANSACTION_ENDED, SQL_CONSTRAINT, SQL_CONFLICT */
  end(
    transaction: string,
    how: 'commit' | 'rollback',
    options: EngineOptions,
  ): Promise<StatementResult[] | undefined>;
}

export interface ClusterVoter {
  readonly peerId: PeerId;
  readonly reachable: boolean;
  /** False: it reads only. */
  readonly votes: boolean;
}

export interface Cluster {
  /** As the leader sees them; undefined: this node does not lead. */
  voters(options: EngineOptions): Promise<readonly ClusterVoter[] | undefined>;
  /** Only by the leader. */
  remove(peerId: PeerId, options: EngineOptions): Promise<void>;
  /** Goes on alone with what this voter has, whatever others had: the last means when a majority is gone for good. */
  recover(): Promise<void>;
}

export interface Limits {
  readonly statementTimeoutMs: number;
  readonly maxResultBytes: number;
}
