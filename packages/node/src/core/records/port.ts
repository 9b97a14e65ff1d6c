/** Records and registers as services see them. */
import type { RemovalLoss, SignedReceipt } from '@p2pos/protocol';
import type { PeerId } from '../net/index.ts';
import type { StorePosition } from '../store/index.ts';

export interface DiskAccount {
  /** Of the database file. */
  readonly totalBytes: number;
  /** Greatest first. Headers, proofs, indexes and deletions included. */
  readonly namespaces: readonly { readonly namespace: string; readonly bytes: number }[];
  /** Everything that is not records: membership, presence, repair's own memory. */
  readonly otherBytes: number;
  /** Pages that wait to be used again. */
  readonly freeBytes: number;
}

export type Consistency = 'one' | 'quorum' | 'all';

/** Declared by the service that owns it; the core knows the declaration, never the service. */
export interface NamespaceDeclaration {
  /** `<app>/<service>`, or a rule for all apps: `(name) => name.endsWith('/kv')` is declared as suffix `/kv`. */
  readonly suffix: string;
  /** `lww`: the greatest version wins. `cas`: each key is a register that changes only by agreement (`Registers`). */
  readonly kind: 'lww' | 'cas';
  readonly author: 'member';
  /** Default 3. */
  readonly replicas: number;
  /** Greatest value, bytes; at most 64 KiB. */
  readonly maxValueBytes: number;
  /** Throws a P2posError to refuse what a replica is asked to hold. */
  readonly validate?: (record: {
    readonly namespace: string;
    readonly key: Uint8Array;
    readonly value: Uint8Array;
  }) => void;
}

/** Keys in byte order of one partition, which lies on one set of replicas. */
export interface PartitionScan {
  readonly namespace: string;
  readonly partition: Uint8Array;
  readonly prefix: Uint8Array;
  /** Exclusive. */
  readonly after?: Uint8Array;
  readonly limit: number;
}

export interface PartitionKeys {
  readonly keys: readonly Uint8Array[];
  readonly more: boolean;
}

/** Keys in byte order of all partitions. */
export interface RangeScan {
  readonly namespace: string;
  readonly prefix: Uint8Array;
  /** Exclusive. */
  readonly after?: Uint8Array;
  readonly limit: number;
  /** What the slots without a majority hold may be missing. */
  readonly partial?: boolean;
}

export interface RangeKeys extends PartitionKeys {
  readonly missingSlots: readonly number[];
}

export interface RecordKey {
  readonly namespace: string;
  readonly partition: Uint8Array;
  readonly key: Uint8Array;
}

export interface Explanation {
  readonly slot: number;
  readonly asked: readonly PeerId[];
  readonly answered: readonly { readonly peerId: PeerId; readonly ms: number; readonly result: string }[];
}

export interface WriteOutcome {
  /** 16 hex digits - peerId; opaque to clients. */
  readonly version: string;
  /** Who holds it on disk, at least a majority. */
  readonly replicas: readonly PeerId[];
  readonly durable: number;
  readonly explain: Explanation;
  /** For a delete: whether there was something. */
  readonly existed: boolean;
  /** When it was asked for. */
  readonly receipt?: SignedReceipt;
}

export interface ReadOutcome {
  /** Undefined: no such record, deleted, or expired. */
  readonly found:
    | { readonly value: Uint8Array; readonly version: string; readonly expiresAt?: number }
    | undefined;
  readonly explain: Explanation;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What a register holds. */
export interface RegisterValue {
  readonly value: Uint8Array;
  /** Grows with every change of the register; opaque to clients. */
  readonly version: string;
  readonly expiresAt?: number;
}

export interface WatchInput {
  readonly namespace: string;
  readonly prefix: Uint8Array;
  /** A token of an earlier watch, through any node: go on from there. */
  readonly from?: string | undefined;
  /** Without `from`: what is there already comes first. Default true; else only what changes after the event `open`. */
  readonly listing?: boolean | undefined;
}

/**
 * `open` first. `synced`: everything that was there, or was missed since the token, has been told. `compacted`: what came
 * before is void, since the logs do not reach back so far; everything that is there follows, up to the next `synced`.
 * A token stands for all that came before it; those that are `null` or absent: keep the one before. `progress` brings
 * one while nothing in the range changes.
 */
export type WatchEvent =
  | { readonly type: 'open'; readonly token: string | null }
  | {
      readonly type: 'change';
      readonly key: Uint8Array;
      readonly partition: Uint8Array;
      readonly version: string;
      /** Null: deleted, or expired (then of the version that expired, up to two minutes later). */
      readonly value: Uint8Array | null;
      readonly expiresAt?: number;
      readonly token?: string;
    }
  | { readonly type: 'synced' | 'progress'; readonly token: string }
  | { readonly type: 'compacted' };

/** What must hold for a change: nothing there, this very version there, anything. */
export type Condition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'any' };

export interface ChangeOutcome {
  /** Of what it holds now. */
  readonly version: string;
  /** What it held before. */
  readonly previous: RegisterValue | undefined;
  readonly replicas: readonly PeerId[];
  readonly durable: number;
  /** When it was asked for. */
  readonly receipt?: SignedReceipt;
}

/**
 * Registers of the namespaces declared `cas`: linearizable per key (CASPaxos, Rystsov 2018, arXiv:1802.07000), over the
 * replicas of the key's slot, with joint quorums while slots move.
 */
export interface Registers {
  /** Linearizable. */
  read(input: RecordKey, options?: CallOptions): Promise<RegisterValue | undefined>;
  /**
   * @param input `value: null` deletes. A repeat with the same idempotency key has no second effect.
   * @throws P2posError CAS_CONDITION_FAILED {version | null: what is there}, RECORDS_QUORUM_LOST {outcome}
   */
  change(
    input: RecordKey & {
      readonly value: Uint8Array | null;
      readonly condition: Condition;
      readonly ttlMs?: number;
      readonly idempotencyKey?: string;
      /** With the signatures of those that have it on disk. May throw RECEIPT_UNAVAILABLE after the change is done. */
      readonly receipt?: 'signed';
    },
    options?: CallOptions,
  ): Promise<ChangeOutcome>;
  /** Of one partition, linearizable per key. @throws P2posError RECORDS_QUORUM_LOST */
  scan(input: PartitionScan, options?: CallOptions): Promise<PartitionKeys>;
  /** Keys in byte order over all slots, linearizable per key. */
  scanAll(input: RangeScan, options?: CallOptions): Promise<RangeKeys>;
}

/** Held until it is released, lost or not renewed in time. What it protects must refuse smaller tokens. */
export interface Lease extends AsyncDisposable {
  /** Fencing token: greater than every earlier holder's. */
  readonly token: number;
  /** Aborts when the lease can no longer be relied on. */
  readonly lost: AbortSignal;
}

/** Who holds a lease, and under which fencing token. */
export interface Grant {
  readonly holder: string;
  readonly token: number;
}

/** Mutual exclusion for a time, on registers (Gray & Cheriton 1989). The namespace is declared `cas` and holds only leases. */
export interface Leases {
  /** Renewed by itself until disposed. Undefined: another holds it. */
  acquire(
    input: RecordKey & { readonly holder: string; readonly ttlMs: number },
    options?: CallOptions,
  ): Promise<Lease | undefined>;
  /**
   * For holders that are elsewhere, have names of their own and renew by themselves. The time runs from before the call; a
   * repeat by the same holder answers the same token.
   */
  take(
    input: RecordKey & { readonly holder: string; readonly ttlMs: number },
    options?: CallOptions,
  ): Promise<Grant | undefined>;
  /** False: another holds it, or it was released. */
  renew(input: RecordKey & Grant & { readonly ttlMs: number }, options?: CallOptions): Promise<boolean>;
  /** False: it was lost before. A repeat answers true as long as nobody has taken it. */
  release(input: RecordKey & Grant, options?: CallOptions): Promise<boolean>;
}

/** How this node's replicas are kept like those of others. */
export interface RecordsRepair {
  /** The connection to this member is new: compare with it soon. */
  notice(peerId: PeerId): void;
  /** Where a member's store is, as it says in its heartbeats and when it is pinged. */
  notePosition(peerId: PeerId, position: StorePosition): void;
  /** What this node tells of it in its own. */
  position(): StorePosition;
  /** Compares with every member now; whether all held the same afterwards. */
  round(): Promise<boolean>;
  /** `learner`: the disk was lost or is an old copy; this node counts in no majority until it has caught up. */
  standing(): 'unproven' | 'voter' | 'learner';
  /** Where all replicas of a slot were lost at once, nobody can catch up: an operator takes what is here for all there is. */
  acceptLoss(): Promise<void>;
  /** What may be lost when these members are removed at once. */
  lossOf(removed: readonly PeerId[]): Promise<RemovalLoss & { readonly heldSlots: number }>;
  /** Members because of whom old deletions cannot be forgotten: they are away, or hold what belongs to others. */
  heldBackBy(): readonly PeerId[];
  /** Replicas that have missed acknowledged writes of this coordinator, which waits to hand them over. */
  hintsFor(): readonly PeerId[];
}

export interface Records extends AsyncDisposable {
  declare(declaration: NamespaceDeclaration): void;
  put(
    input: RecordKey & {
      readonly value: Uint8Array;
      readonly ttlMs?: number;
      readonly idempotencyKey?: string;
      /** With the signatures of those that have it on disk. May throw RECEIPT_UNAVAILABLE after the write is done. */
      readonly receipt?: 'signed';
    },
    options?: CallOptions,
  ): Promise<WriteOutcome>;
  delete(
    input: RecordKey & { readonly idempotencyKey?: string; readonly receipt?: 'signed' },
    options?: CallOptions,
  ): Promise<WriteOutcome>;
  get(input: RecordKey & { readonly consistency: Consistency }, options?: CallOptions): Promise<ReadOutcome>;
  /** A quorum read with the replicas' signatures for what it found. @throws P2posError RECEIPT_UNAVAILABLE */
  attest(
    input: RecordKey,
    options?: CallOptions,
  ): Promise<(NonNullable<ReadOutcome['found']> & { readonly receipt: SignedReceipt }) | undefined>;
  /** Of one partition: asks its replicas alone. @throws P2posError RECORDS_QUORUM_LOST */
  scan(input: PartitionScan, options?: CallOptions): Promise<PartitionKeys>;
  /** Keys in byte order over all slots, at most `limit`, after `after`. RECORDS_QUORUM_LOST unless `partial`. */
  scanAll(input: RangeScan, options?: CallOptions): Promise<RangeKeys>;
  /**
   * Changes of a range of keys, over all slots, until the signal aborts. No acknowledged change is missed (of several to one
   * key the newest may stand for all), and of one key nothing older is told after something newer.
   *
   * @throws P2posError WATCH_TOKEN_INVALID, NAMESPACE_UNKNOWN, STATE_UNCONFIGURED, OVERLOADED, NODE_CLOSING
   */
  watch(input: WatchInput, options: CallOptions): AsyncIterable<WatchEvent>;
  /** Of the namespaces declared `cas`. */
  readonly registers: Registers;
  readonly leases: Leases;
  /** What this node's own store holds of an app, page by page in the order in which it came; of no particular version. */
  held(app: string, after: number, limit: number): Promise<readonly (RecordKey & { readonly id: number })[]>;
  /** Undefined: nobody has declared it. */
  kindOf(namespace: string): NamespaceDeclaration['kind'] | undefined;
  /**
   * Keys and values of an app's namespaces in this node's own store. Of what was deleted, or has expired, the key and 64 bytes
   * count for as long as it is remembered; old versions do not.
   */
  storedBytes(app: string): Promise<number>;
  /** Whose the bytes on this node's disk are, at most about ten minutes old; undefined: not known yet. */
  account(): DiskAccount | undefined;
  /** How many slots this node knows to be moving, and in how many of its own it still copies. 0 and 0: all at rest. */
  moves(): { readonly open: number; readonly unsettled: number };
  readonly repair: RecordsRepair;
  /** Who should hold a key now (and, during a move, who held it before). */
  locate(input: Omit<RecordKey, 'key'>): {
    readonly slot: number;
    readonly replicas: readonly PeerId[];
    readonly previous: readonly PeerId[];
  };
}
