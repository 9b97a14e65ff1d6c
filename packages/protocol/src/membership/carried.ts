/** Documents on their way between peers and what a holder says of them. */
import type { Countersignature, DocumentHash, Member, P2posError, Snapshot } from '../index.ts';
import type { PeerId } from '../rpc/index.ts';

/** What is in force now. An empty view (epoch 0) means that no snapshot is known. */
export interface View {
  readonly epoch: number;
  /** Of the snapshot in force; of the genesis when there is none. Names the placement epoch. */
  readonly hash: DocumentHash;
  /** Without revoked peers, and without those that a losing branch removed and none has named again. */
  readonly members: ReadonlyMap<PeerId, Member>;
  readonly snapshot: Snapshot | undefined;
  /** Exact bytes as they were received; undefined at epoch 0. */
  readonly bytes: Uint8Array | undefined;
}

/** What heartbeats carry, so that whoever is behind knows it. Hashes in lower-case hex. */
export interface Heads {
  readonly epoch: number;
  readonly snapshot: string;
  /** Of all that takes membership away: revocations, and snapshots of branches that lost. */
  readonly revocations: string;
  readonly keys: string;
}

export type DocumentName = 'genesis' | 'rotation' | 'revocation' | 'snapshot';

export interface Submission {
  readonly kind: DocumentName;
  readonly bytes: Uint8Array;
  /** Of a member of the snapshot before; without it a snapshot counts as pushed first-hand. */
  readonly countersignature?: Countersignature | undefined;
  /** For the audit log: a peer id, `http`, `home`. */
  readonly from: string;
}

/** `applied`: in force now. `stale`: nothing that is in force changed. */
export type Verdict =
  | { readonly result: 'applied' }
  | { readonly result: 'stale' }
  | { readonly result: 'refused'; readonly error: P2posError };

export interface CarriedDocument {
  readonly kind: DocumentName;
  /** Lower-case hex. */
  readonly hash: string;
  /** Of a snapshot or revocation; version of a rotation. */
  readonly epoch: number;
  readonly bytes: Uint8Array;
  readonly countersignature: Countersignature | undefined;
}

/** `snapshots`: those in force, one per epoch. `branches`: those that lost but whose removals count. */
export type DocumentList = 'genesis' | 'rotations' | 'revocations' | 'snapshots' | 'branches';
