/** Changes who belongs: takes the snapshot in force, signs its successor, pushes it. */
import {
  type Admin,
  asPredecessor,
  type DocumentHash,
  decodeDocument,
  type Member,
  P2posError,
  type SignedDocument,
  type Snapshot,
  signSnapshot,
  snapshotDocument,
} from '@p2pos/protocol';
import { crypto } from '../keys.ts';
import type { Pushed } from './pushed.ts';

const ATTEMPTS = 3;

/** What is needed of a node. */
export interface MembershipDoor {
  /** Exact bytes of the snapshot in force. */
  snapshot(): Promise<Uint8Array>;
  push(bytes: Uint8Array): Promise<Pushed>;
}

export interface MembershipChange {
  readonly members: (current: readonly Member[]) => readonly Member[];
  readonly force?: boolean;
  /** Branches that lost and whose removals this one has seen. */
  readonly merges?: readonly DocumentHash[];
}

/** Somebody else's snapshot may come between reading and pushing: then the change is made on top of that one. */
export async function changeMembers(
  door: MembershipDoor,
  admin: Admin,
  change: MembershipChange,
  now: () => number,
): Promise<{ readonly answer: Pushed; readonly snapshot: SignedDocument<Snapshot> }> {
  for (let attempt = 1; ; attempt += 1) {
    const current = decodeDocument(snapshotDocument, await door.snapshot(), crypto);
    const terms = { ...change, members: change.members(current.body.members), nowMs: now() };
    const snapshot = await signSnapshot(admin, asPredecessor(current), terms, crypto);
    const answer = await door.push(snapshot.bytes);
    if (answer.result === 'applied') return { answer, snapshot };
    if (attempt === ATTEMPTS) {
      throw new P2posError('BAD_REQUEST', {
        reason:
          'Other snapshots came before this one each time. Look at who belongs now, then repeat the command.',
        next: 'p2pctl members',
      });
    }
  }
}
