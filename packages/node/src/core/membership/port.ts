/** Membership as the rest of the node sees it. */
import type { Fork, PublicKey, Snapshot } from '@p2pos/protocol';
import type {
  CarriedDocument,
  Conflict,
  DocumentList,
  Heads,
  Submission,
  Verdict,
  View,
} from '@p2pos/protocol/membership';
import type { Events } from '../events/index.ts';
import type { PeerId } from '../net/index.ts';
import type { AuditEntry } from './audit.ts';

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

export interface AcceptedDocument extends CarriedDocument {
  readonly from: string;
}

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

export interface SubmitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Pushed by no member: of what waits to be judged such documents take a quarter at most. Default false. */
  readonly byStranger?: boolean;
}

/** `kept`: stored by this call. Without it the document was known before, counts for nothing or was refused. */
export type Judged = Verdict & { readonly kept?: CarriedDocument };

/** What the members service stands on: `Membership` with the ways in and out for documents. */
export interface MembershipJournal extends Membership, AsyncDisposable {
  /**
   * Judges a document, stores it and puts it in force. Documents are taken one at a time.
   *
   * @throws P2posError OVERLOADED, NODE_CLOSING, STORE_FULL, STORE_FAILED: the document was not judged
   */
  submit(submission: Submission, options?: SubmitOptions): Promise<Judged>;
  documents(query: DocumentQuery): Promise<{ readonly documents: CarriedDocument[]; readonly more: boolean }>;
  /** Whether the snapshot is held, in force or not. */
  holds(snapshotHash: string): boolean;
  /** One that is held, in force or not. @throws P2posError those of the store */
  snapshot(hash: string): Promise<Snapshot | undefined>;
  /** Entries with a greater `seq` than `after`, oldest first. */
  auditEntries(after: number, limit: number): Promise<AuditEntry[]>;
  status(): MembershipStatus;
}
