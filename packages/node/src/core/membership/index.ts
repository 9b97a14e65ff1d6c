/**
 * Who belongs to the system, by signed documents alone: the chain of snapshots, revocations and key rotations,
 * kept byte for byte as received and judged the same on every node and in every state. What is in force is a pure
 * function of the documents held (`standing.ts`), so nodes that hold the same ones agree, whatever the order.
 *
 * Promises: a document is on disk before it takes effect; none counts without its signatures; the epoch never goes
 * back but by a revocation or the branch rule; each refusal has its own code; all that is accepted or refused goes to
 * a hash-chained log.
 *
 * @example
 * await using membership = await openMembership({ store, crypto, clock, log, identity }, { systemId, genesisBytes });
 * const verdict = await membership.submit({ kind: 'snapshot', bytes, from: 'http' });
 * if (verdict.result === 'refused') throw verdict.error;
 * membership.view().epoch; // 1
 */
import type {
  Countersignature,
  DocumentHash,
  Fork,
  Member,
  P2posError,
  PublicKey,
  Snapshot,
} from '@p2pos/protocol';
import type { Events } from '../events/index.ts';
import type { PeerId } from '../net/index.ts';
import type { AuditEntry } from './audit.ts';
import type { Conflict } from './branches.ts';

export type { AuditEntry } from './audit.ts';
export type { Conflict } from './branches.ts';
export { type MembershipConfig, type MembershipDeps, openMembership } from './journal.ts';

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

export type MembershipEvents = {
  /** A snapshot or revocation took effect. `removed` are peers that lost their membership. */
  'membership:changed': {
    readonly previous: View;
    readonly current: View;
    readonly removed: readonly PeerId[];
  };
  /** A document was stored, in force or not; emitted after `membership:changed`. */
  'document:accepted': AcceptedDocument;
};

export interface Membership {
  readonly systemId: string;
  /** From the genesis; 0 until it is known, so read it when it is needed. */
  readonly slots: number;
  readonly events: Events<MembershipEvents>;
  view(): View;
  /** Listed, not revoked, `notAfter` not passed: may act. */
  isActive(peerId: PeerId): boolean;
  heads(): Heads;
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

export interface AcceptedDocument extends CarriedDocument {
  readonly from: string;
}

/** `snapshots`: those in force, one per epoch. `branches`: those that lost but whose removals count. */
export type DocumentList = 'genesis' | 'rotations' | 'revocations' | 'snapshots' | 'branches';

export interface DocumentQuery {
  readonly list: DocumentList;
  /** Those whose (epoch, hash) is greater; hash '' includes all of that epoch. */
  readonly after: { readonly epoch: number; readonly hash: string };
  readonly maxDocuments: number;
  /** Exceeded by at most one document. */
  readonly maxBytes: number;
}

export interface MembershipStatus {
  /** False: the genesis is not known yet. */
  readonly founded: boolean;
  readonly conflicts: readonly Conflict[];
  readonly fork: Fork | undefined;
  /** The keys in office; undefined until the genesis is known. */
  readonly root:
    | {
        readonly name: string;
        /** 1: of the genesis. */
        readonly keysVersion: number;
        /** Lower-case hex. */
        readonly keys: readonly string[];
        readonly threshold: number;
        readonly releaseKeys: readonly PublicKey[];
        readonly releaseThreshold: number;
        /** Documents that took something back. */
        readonly revocations: number;
      }
    | undefined;
  /** Of the admin who issued the snapshot in force. */
  readonly proof:
    | { readonly serial: string; readonly adminPeerId: PeerId; readonly validTo: string }
    | undefined;
}

/** What the members service stands on: `Membership` with the ways in and out for documents. */
export interface MembershipJournal extends Membership, AsyncDisposable {
  /**
   * Judges a document, stores it and puts it in force. Documents are taken one at a time.
   *
   * @throws P2posError OVERLOADED, NODE_CLOSING, STORE_FULL, STORE_FAILED: the document was not judged
   */
  submit(submission: Submission, options?: { readonly signal?: AbortSignal | undefined }): Promise<Verdict>;
  documents(query: DocumentQuery): Promise<{ readonly documents: CarriedDocument[]; readonly more: boolean }>;
  /** Whether the snapshot is held, in force or not. */
  holds(snapshotHash: string): boolean;
  /** Entries with a greater `seq` than `after`, oldest first. */
  auditEntries(after: number, limit: number): Promise<AuditEntry[]>;
  status(): MembershipStatus;
}
