/** The chain of snapshots as the membership keeps it, read from its first to the one in force. */
import {
  type Crypto,
  type DocumentHash,
  decodeDocument,
  equalBytes,
  parseTimestamp,
  type Snapshot,
  snapshotDocument,
  toHex,
} from '@p2pos/protocol';
import { FIRST_HAND_WINDOW_MS } from '@p2pos/protocol/membership';
import type { MembershipJournal } from '../../membership/index.ts';
import type { PeerId } from '../../net/index.ts';
import { canStore } from './placement.ts';

export interface ChainLink {
  readonly hash: DocumentHash;
  readonly snapshot: Snapshot;
}

const PAGE = { maxDocuments: 64, maxBytes: 4 * 1_048_576 } as const;

/** Calls `take` for each snapshot, oldest first: of those in force, or of those on branches that lost. */
export async function readChain(
  {
    membership,
    crypto,
  }: { readonly membership: Pick<MembershipJournal, 'documents'>; readonly crypto: Crypto },
  list: 'snapshots' | 'branches',
  take: (link: ChainLink) => void,
): Promise<void> {
  for (let after = { epoch: 0, hash: '' }; ; ) {
    const { documents, more } = await membership.documents({ list, after, ...PAGE });
    for (const { bytes } of documents) {
      const { hash, body } = decodeDocument(snapshotDocument, bytes, crypto);
      take({ hash, snapshot: body });
    }
    const last = documents.at(-1);
    if (!last || !more) return;
    after = { epoch: last.epoch, hash: last.hash };
  }
}

/**
 * The chain up to a snapshot that is no part of this one, as it was before another branch won. Undefined where it is a part, or
 * is not held any more.
 */
export async function readFormer(
  membership: Pick<MembershipJournal, 'snapshot'>,
  head: Uint8Array,
  chain: readonly ChainLink[],
): Promise<ChainLink[] | undefined> {
  const branch: ChainLink[] = [];
  for (let hash = head; ; ) {
    const at = chain.findIndex((link) => equalBytes(link.hash, hash));
    const isRoot = branch.at(-1)?.snapshot.epoch === 1;
    if (at >= 0 || isRoot)
      return branch.length > 0 ? [...chain.slice(0, at + 1), ...branch.reverse()] : undefined;
    const snapshot = await membership.snapshot(toHex(hash));
    if (!snapshot) return undefined;
    branch.push({ hash, snapshot });
    hash = snapshot.previous;
  }
}

/**
 * A version may be this much later than the date of the snapshot that removes its author: that may be dated back as far as
 * documents are taken first-hand, and takes time to spread among clocks that differ.
 */
const REMOVAL_GRACE_MS = FIRST_HAND_WINDOW_MS + 60_000;

/** A member was removed, and listed again. */
export interface Absence {
  /** Of the snapshot that listed it again. */
  readonly epoch: number;
  /** Hash of the snapshot, hexadecimal. */
  readonly listedBy: string;
}

/** Who was a member when; tells whether an old record may bear the name of its author, and who may hold old ones. */
export interface Authors {
  learn(link: ChainLink): void;
  /** Whether slots were ever placed on the peer. */
  couldStore(peerId: PeerId): boolean;
  /** Whether the peer was a member at that time; `ms` since the epoch. */
  wasMember(peerId: PeerId, ms: number): boolean;
  wasEverMember(peerId: PeerId): boolean;
  /** Each time that it was removed and listed again. */
  absencesOf(peerId: PeerId): readonly Absence[];
}

export function createAuthors(): Authors {
  /** When the peer was last removed; infinite while it is listed. */
  const listedUntil = new Map<PeerId, number>();
  const stores = new Set<PeerId>();
  const absences = new Map<PeerId, Absence[]>();
  return {
    couldStore: (peerId) => stores.has(peerId),
    learn({ snapshot, hash }) {
      for (const member of snapshot.members) if (canStore(member)) stores.add(member.peerId);
      const listed = new Set(snapshot.members.map(({ peerId }) => peerId));
      const issuedAt = parseTimestamp(snapshot.issuedAt);
      for (const [peerId, until] of listedUntil) {
        if (until !== Number.POSITIVE_INFINITY || listed.has(peerId)) continue;
        listedUntil.set(peerId, issuedAt);
      }
      for (const peerId of listed) {
        const until = listedUntil.get(peerId) ?? Number.POSITIVE_INFINITY;
        if (until !== Number.POSITIVE_INFINITY) {
          const absence = { epoch: snapshot.epoch, listedBy: toHex(hash) };
          absences.set(peerId, [...(absences.get(peerId) ?? []), absence]);
        }
        listedUntil.set(peerId, Number.POSITIVE_INFINITY);
      }
    },
    wasMember: (peerId, ms) => ms <= (listedUntil.get(peerId) ?? Number.NEGATIVE_INFINITY) + REMOVAL_GRACE_MS,
    wasEverMember: (peerId) => listedUntil.has(peerId),
    absencesOf: (peerId) => absences.get(peerId) ?? [],
  };
}
