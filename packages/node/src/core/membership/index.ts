/**
 * Who belongs to the system, by signed documents alone: the chain of snapshots, revocations and key rotations,
 * kept byte for byte as received and judged the same on every node and in every state. What is in force is a pure
 * function of the documents held (`protocol/src/membership/standing.ts`), so nodes that hold the same ones agree, whatever the order.
 *
 * Promises: a document is on disk before it takes effect; none counts without its signatures; the epoch never goes
 * back but by a revocation, a fork of the root or the branch rule; each refusal has its own code; all that is accepted or
 * refused goes to a hash-chained log.
 *
 * @example
 * await using membership = await openMembership({ store, crypto, clock, log, identity }, { systemId, genesisBytes });
 * const verdict = await membership.submit({ kind: 'snapshot', bytes, from: 'http' });
 * if (verdict.result === 'refused') throw verdict.error;
 * membership.view().epoch; // 1
 */
export type {
  CarriedDocument,
  Conflict,
  DocumentList,
  DocumentName,
  Heads,
  Submission,
  Verdict,
  View,
} from '@p2pos/protocol/membership';
export type { AuditEntry } from './audit.ts';
export { type MembershipConfig, type MembershipDeps, openMembership } from './journal.ts';
export type {
  AcceptedDocument,
  DocumentQuery,
  Judged,
  Membership,
  MembershipEvents,
  MembershipJournal,
  MembershipStatus,
  SubmitOptions,
} from './port.ts';
