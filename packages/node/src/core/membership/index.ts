/**
 * Who belongs to the system, by signed documents alone: the chain of snapshots, revocations and key rotations,
 * kept as received and judged the same on every node and in every state.
 */
import type { DocumentHash, Member, Snapshot } from '@p2pos/protocol';
import type { Events } from '../events/index.ts';
import type { PeerId } from '../net/index.ts';

/** What is in force now. An empty view (epoch 0) means that no snapshot is known. */
export interface View {
  readonly epoch: number;
  /** Of the snapshot in force; of the genesis when there is none. Names the placement epoch. */
  readonly hash: DocumentHash;
  /** Without revoked peers. */
  readonly members: ReadonlyMap<PeerId, Member>;
  readonly snapshot: Snapshot | undefined;
  /** Exact bytes as they were received; undefined at epoch 0. */
  readonly bytes: Uint8Array | undefined;
}

/** What heartbeats carry, so that whoever is behind knows it. Hashes in lower-case hex. */
export interface Heads {
  readonly epoch: number;
  readonly snapshot: string;
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
};

/** One snapshot of the chain that ends in the one in force. */
export interface ChainLink {
  readonly hash: DocumentHash;
  readonly snapshot: Snapshot;
}

export interface Membership {
  readonly systemId: string;
  readonly slots: number;
  readonly events: Events<MembershipEvents>;
  view(): View;
  /** Listed, not revoked, `notAfter` not passed: may act. */
  isActive(peerId: PeerId): boolean;
  heads(): Heads;
  /**
   * The snapshots on the way to the one in force, of epoch `sinceEpoch` and later, oldest first, the one in force last.
   * Records find there who held a slot before, until its move is finished.
   */
  chain(sinceEpoch: number): readonly ChainLink[];
}
