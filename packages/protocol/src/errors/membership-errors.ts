/** The part of the error table that refuses documents of trust: one code for each reason, so a refusal says which. */
import type { ErrorEntry } from './entry.ts';

export const MEMBERSHIP_ERRORS = {
  GENESIS_UNKNOWN: {
    status: 503,
    retry: true,
    text: 'This node does not know the genesis of {systemId} yet; it asks the nodes that it is connected to. Connect it to a member, or give it the genesis file.',
  },
  SYSTEM_ID_INVALID: {
    status: 400,
    retry: false,
    text: "Not a system id: {systemId}. It begins with sys1 and has 56 characters; a member's p2pctl status shows it.",
  },
  GENESIS_MISMATCH: {
    status: 409,
    retry: false,
    text: 'The genesis document is that of {found}, this node belongs to {expected}. Check the system id in node.toml or in the invitation.',
  },
  SYSTEM_MISMATCH: {
    status: 409,
    retry: false,
    text: 'The {kind} is of system {found}, this node belongs to {expected}. Send it to a node of that system.',
  },
  ROOT_FORKED: {
    status: 409,
    retry: false,
    text: 'The system keys have forked after {previous}: as many of the keys signed one key rotation as another. Changes of the root are halted until one more of those keys signs the right one: p2pctl system rotate --again FILE, then p2pctl system push.',
  },
  ROTATION_OUTVOTED: {
    status: 409,
    retry: false,
    text: 'More of the system keys before it signed another key rotation than {hash}; that one is in force, and nothing under this one counts. Build on the one in force, or have more holders of those keys sign this one.',
  },
  ROTATION_PREVIOUS_UNKNOWN: {
    status: 409,
    retry: true,
    text: 'The key rotation follows {previous}, which this node does not know. Push the rotations before it first.',
  },
  ROTATION_VERSION: {
    status: 409,
    retry: false,
    text: 'The key rotation has version {version}, but {expected} comes next. Build it on the newest one.',
  },
  ROTATION_DATE: {
    status: 400,
    retry: false,
    text: 'The key rotation is dated {createdAt}, before the one it follows or in the future. Check the clocks of the machine that made it and of this node.',
  },
  ROTATION_SIGNATURE: {
    status: 403,
    retry: false,
    text: 'The key rotation lacks signatures of the {which} system keys; {threshold} of them must sign. Collect the missing ones.',
  },
  REVOCATION_SIGNATURE: {
    status: 403,
    retry: false,
    text: 'The revocation is not signed by enough system keys that this node knows. Collect the missing signatures, or push the key rotations first.',
  },
  SNAPSHOT_WRONG_SYSTEM: {
    status: 409,
    retry: false,
    text: 'The snapshot is of system {systemId}, this node belongs to {expected}. Push it to a node of that system.',
  },
  SNAPSHOT_SIGNATURE: {
    status: 403,
    retry: false,
    text: 'The snapshot is not signed by its issuer {issuerPeerId}. Sign it with that admin key.',
  },
  SNAPSHOT_NOT_ADMIN: {
    status: 403,
    retry: false,
    text: 'The issuer {issuerPeerId} is no admin of this system: the proof inside the snapshot is for {adminPeerId}. Ask the system key holders for a proof.',
  },
  SNAPSHOT_PROOF_SIGNATURE: {
    status: 403,
    retry: false,
    text: 'The admin proof {serial} is not signed by enough of the system keys in office when it begins. Ask the system key holders for a new one.',
  },
  SNAPSHOT_PROOF_EXPIRED: {
    status: 403,
    retry: false,
    text: 'The admin proof {serial} is valid from {validFrom} until {until}; the snapshot is of {issuedAt}. Ask the system key holders for a new proof.',
  },
  SNAPSHOT_REVOKED: {
    status: 403,
    retry: false,
    text: 'The snapshot is void: its admin proof {serial}, or one that it builds on, was revoked. An admin in office must issue a new one on {head}.',
  },
  SNAPSHOT_WAITING: {
    status: 409,
    retry: true,
    text: 'The admin proof {serial} was revoked or ended, up to a snapshot that this node does not hold yet. It can take effect when the snapshots up to there have come, or those that follow it under newer keys.',
  },
  SNAPSHOT_PREVIOUS_UNKNOWN: {
    status: 409,
    retry: true,
    text: 'The snapshot follows {previous}, which this node does not know. Build it on the snapshot in force (p2pctl members), or push those before it first.',
  },
  SNAPSHOT_EPOCH_GAP: {
    status: 409,
    retry: false,
    text: 'The snapshot has epoch {epoch}, but {expected} follows the one it builds on. Issue it again with that epoch.',
  },
  SNAPSHOT_DATE: {
    status: 400,
    retry: false,
    text: 'The snapshot is dated {issuedAt}: {reason}. Check the clocks of the machine that issued it and of this node, and issue it again.',
  },
  SNAPSHOT_SCOPE: {
    status: 403,
    retry: false,
    text: 'The snapshot changes more than its admin may; missing: {missing}. Ask the system key holders for a proof with these scopes.',
  },
  SNAPSHOT_FORCE_NEEDED: {
    status: 409,
    retry: false,
    text: 'The snapshot drops {what} at once, so data may be lost. Mark the members as draining first; if they are gone for good, issue it with force.',
  },
  SNAPSHOT_COUNTERSIGNATURE_MISSING: {
    status: 403,
    retry: false,
    text: 'No member of the snapshot before has countersigned this one: {reason}. Push it to a node that is a member there.',
  },
  SNAPSHOT_FOUNDED: {
    status: 409,
    retry: false,
    text: 'This system was founded by the snapshot {founding}, on which later ones stand; another first snapshot is refused. Issue changes on {head}.',
  },
  SNAPSHOT_BRANCHES_FULL: {
    status: 409,
    retry: false,
    text: 'The admin proof {serial} already has {count} snapshots after {previous}; no more are kept. Issue changes on the snapshot in force; revoke the admin if these are not his.',
  },
} as const satisfies Record<string, ErrorEntry>;
