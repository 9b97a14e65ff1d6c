/** Whether a snapshot may follow the one before it. Pure: signatures were verified before, dates are compared as text. */
import {
  isCovered,
  type Member,
  P2posError,
  type Proof,
  parseTimestamp,
  proofWindow,
  type RootChain,
  type Snapshot,
  type Timestamp,
} from '../index.ts';
import {
  type Loss,
  type MemberChanges,
  memberChanges,
  missingScopes,
  type ReplicasOf,
  suddenLoss,
} from './changes.ts';

/** How far from now a snapshot may be dated when it is pushed first-hand, and how far ahead the first one. */
export const FIRST_HAND_WINDOW_MS = 5 * 60_000;

/** Whose a snapshot is. */
export interface Issuance {
  readonly body: Pick<Snapshot, 'systemId' | 'issuerPeerId'>;
  readonly proof: Proof;
  /** Whether the key of `issuerPeerId` signed it. */
  readonly signedByIssuer: boolean;
}

export interface Candidate extends Issuance {
  readonly body: Snapshot;
}

/** What a snapshot follows: another one, or the genesis as epoch 0 without members. */
export interface Parent {
  readonly epoch: number;
  readonly issuedAt: Timestamp | undefined;
  readonly members: readonly Member[];
}

export interface System {
  readonly systemId: string;
  readonly slots: number;
  readonly replicasOf: ReplicasOf;
}

/**
 * What can be judged without the snapshot before it.
 *
 * @throws P2posError SNAPSHOT_WRONG_SYSTEM, SNAPSHOT_SIGNATURE, SNAPSHOT_NOT_ADMIN, SNAPSHOT_PROOF_SIGNATURE
 */
export function judgeIssuer(
  { body, proof, signedByIssuer }: Issuance,
  systemId: string,
  roots: RootChain,
): void {
  const { issuerPeerId } = body;
  if (body.systemId !== systemId) {
    throw new P2posError('SNAPSHOT_WRONG_SYSTEM', { systemId: body.systemId, expected: systemId });
  }
  if (!signedByIssuer) throw new P2posError('SNAPSHOT_SIGNATURE', { issuerPeerId });
  const { systemId: proofSystem, adminPeerId, role, serial } = proof.body;
  if (role !== 'admin' || adminPeerId !== issuerPeerId || proofSystem !== systemId) {
    throw new P2posError('SNAPSHOT_NOT_ADMIN', { issuerPeerId, adminPeerId, proofSystem });
  }
  if (!proofWindow(roots, proof)) throw new P2posError('SNAPSHOT_PROOF_SIGNATURE', { serial });
}

/**
 * Whether it follows from `parent` by right. Does not look at revocations, branches, countersignatures or the clock.
 *
 * @throws P2posError SNAPSHOT_EPOCH_GAP, SNAPSHOT_PROOF_EXPIRED, SNAPSHOT_DATE, SNAPSHOT_SCOPE, SNAPSHOT_FORCE_NEEDED
 */
export function judgeStep(
  { body, proof }: Candidate,
  parent: Parent,
  roots: RootChain,
  { slots, replicasOf }: Omit<System, 'systemId'>,
): MemberChanges {
  const { epoch, issuedAt, force, members } = body;
  if (epoch !== parent.epoch + 1) {
    throw new P2posError('SNAPSHOT_EPOCH_GAP', { epoch, expected: parent.epoch + 1 });
  }
  const window = proofWindow(roots, proof);
  if (!window || !isCovered(window, issuedAt)) {
    const { serial, validFrom } = proof.body;
    const until = window?.endedBy ?? proof.body.validTo;
    throw new P2posError('SNAPSHOT_PROOF_EXPIRED', { serial, validFrom, until, issuedAt });
  }
  if (parent.issuedAt !== undefined && issuedAt < parent.issuedAt) {
    throw new P2posError('SNAPSHOT_DATE', { issuedAt, reason: `the one before it is of ${parent.issuedAt}` });
  }
  const changes = memberChanges(parent.members, members);
  const missing = missingScopes(proof.body.scopes, changes, force);
  if (missing.length > 0) throw new P2posError('SNAPSHOT_SCOPE', { missing: missing.join(', ') });
  if (!force) {
    const loss = suddenLoss(parent.members, members, { slots, replicasOf });
    if (loss)
      throw new P2posError('SNAPSHOT_FORCE_NEEDED', { what: describe(loss), slots: loss.slots.length });
  }
  return changes;
}

function describe({ members, slots }: Loss): string {
  const parts: string[] = [];
  if (members) parts.push(`${members.dropped} of ${members.total} members`);
  if (slots.length > 0) parts.push(`a majority of the replicas of ${slots.length} slots`);
  return parts.join(' and ');
}

/**
 * A snapshot without a countersignature comes first-hand, so its date must be now. The first snapshot of a system has
 * none and may be old, as for a late joiner, but never of the future: those after it could not be dated (T2).
 *
 * @param now ms since the Unix epoch, corrected by what other members' clocks say
 * @throws P2posError SNAPSHOT_DATE
 */
export function judgeDate({ epoch, issuedAt }: Snapshot, now: number): void {
  const ahead = parseTimestamp(issuedAt) - now;
  if (ahead > FIRST_HAND_WINDOW_MS) {
    throw new P2posError('SNAPSHOT_DATE', { issuedAt, reason: 'it lies more than 5 minutes in the future' });
  }
  if (epoch > 1 && ahead < -FIRST_HAND_WINDOW_MS) {
    throw new P2posError('SNAPSHOT_DATE', {
      issuedAt,
      reason: 'it is more than 5 minutes old and no member countersigned it',
    });
  }
}

/** Whether the countersigner was in office: a member of the snapshot before, within its `notAfter`. */
export function mayCountersign(members: readonly Member[], peerId: string, issuedAt: Timestamp): boolean {
  const member = members.find((one) => one.peerId === peerId);
  return member !== undefined && (member.notAfter === undefined || issuedAt <= member.notAfter);
}
