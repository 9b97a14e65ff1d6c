/** Snapshots signed by the admin who unlocked the page. */
import {
  asPredecessor,
  type DocumentHash,
  type Member,
  type SignedDocument,
  type Snapshot,
  signSnapshot,
} from '@p2pos/protocol';
import { requireAdmin } from './admin.ts';
import { crypto } from './crypto.ts';

/** The snapshot after `previous` with these members. @throws Error while the page is locked */
export function signNext(
  previous: SignedDocument<Snapshot>,
  members: readonly Member[],
  how: { readonly force?: boolean; readonly merges?: readonly DocumentHash[] } = {},
): Promise<SignedDocument<Snapshot>> {
  const terms = { ...how, members, nowMs: Date.now() };
  return signSnapshot(requireAdmin(), asPredecessor(previous), terms, crypto);
}
