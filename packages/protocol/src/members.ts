/** The contract of membership: who belongs to the system, and the signed snapshot that says so. */
import { z } from 'zod';
import { bytes, bytesBody, defineRoutes, header, json } from './contract/route.ts';
import { Etag, integer } from './contract/values.ts';

/** Of a signed snapshot with its proofs; 10 000 members need about 2 MiB. */
export const MAX_SNAPSHOT_BYTES = 4 * 1_024 * 1_024;
export const SNAPSHOT_CONTENT_TYPE = 'application/cbor';

export const MemberEntry = z.object({
  peerId: z.string(),
  name: z.string(),
  tier: z.int(),
  capabilities: z.array(z.string()),
  zone: z.string(),
  draining: z.boolean(),
  notAfter: z.string().optional(),
  addresses: z.array(z.string()),
});
export type MemberEntry = z.output<typeof MemberEntry>;

export const MemberList = z.object({
  systemId: z.string(),
  /** 0: no snapshot is known. */
  epoch: z.int(),
  /** SHA-256 of the snapshot in force (at epoch 0 of the genesis), lower-case hex. */
  hash: z.string(),
  issuedAt: z.string().nullable(),
  issuerPeerId: z.string().nullable(),
  members: z.array(MemberEntry),
});
export type MemberList = z.output<typeof MemberList>;

export const RootStatus = z.object({
  systemId: z.string(),
  name: z.string(),
  /** Signed genesis and rotations in force, oldest first, base64url: what a ceremony's requests carry. */
  documents: z.array(z.string()),
  /** 1: of the genesis. */
  keysVersion: z.int(),
  /** Raw Ed25519 public keys in office, lower-case hex. */
  keys: z.array(z.string()),
  threshold: z.int(),
  /** The document that two rotations follow; null: none. */
  fork: z.string().nullable(),
  revocations: z.int(),
  /** Of the admin who issued the snapshot in force. */
  proof: z.object({ serial: z.string(), adminPeerId: z.string(), validTo: z.string() }).nullable(),
  conflicts: z.array(
    z.object({ parent: z.string(), loser: z.string(), epoch: z.int(), refused: z.array(z.string()) }),
  ),
});
export type RootStatus = z.output<typeof RootStatus>;

export const AuditList = z.object({
  entries: z.array(
    z.object({
      /** From 1, without gaps. */
      seq: z.int(),
      at: z.string(),
      document: z.string(),
      result: z.enum(['accepted', 'refused']),
      code: z.string().optional(),
      hash: z.string().optional(),
      epoch: z.int().optional(),
      issuer: z.string().optional(),
      from: z.string(),
      suppressed: z.int().optional(),
      chainHash: z.string(),
    }),
  ),
});
export type AuditList = z.output<typeof AuditList>;

/** A page of signed documents. */
export const CarriedDocuments = z.object({
  documents: z.array(
    z.object({
      /** Of the body, lower-case hex. */
      hash: z.string(),
      /** Of a snapshot or revocation; version of a rotation. */
      epoch: z.int(),
      /** The signed document, base64url. */
      bytes: z.string(),
    }),
  ),
  /** Pass it for the next page; null: this was the last. */
  cursor: z.string().nullable(),
});

/** What one member said of a document that was handed to it. */
export const MemberAnswer = z.object({
  /** `stale`: it held this one already, or one at least as great. */
  result: z.enum(['applied', 'stale', 'refused']),
  code: z.string().optional(),
  reason: z.string().optional(),
  /** Of the snapshot in force there after it answered, lower-case hex. */
  epoch: z.int(),
  hash: z.string(),
});

/**
 * So many members are waited for to hold a pushed document: a majority, or three in larger systems. Then it outlives any
 * two disks, in small systems those of any minority.
 */
export const copiesWanted = (members: number) => Math.min(3, Math.floor(members / 2) + 1);

const PUSHED = z.object({
  /** `stale`: one at least as great is already in force, nothing changed. */
  result: z.enum(['applied', 'stale']),
  /** In force after this call. */
  epoch: z.int(),
  hash: z.string(),
  /**
   * Members that are known to hold it on their disks, the node that answers with them. It waits until they are a majority or
   * three, at most 2 s: where it is 1, what was pushed is lost with that node's disk unless others hear of it later. Older nodes
   * do not tell.
   */
  held: z.int().optional(),
  /** Members of the snapshot in force. */
  members: z.int().optional(),
});

export const RemovalLoss = z.object({
  /** Slots that lose a majority of their replicas, those that lose all included. */
  slots: z.int(),
  /** Records in them, as far as it is known: each may be gone, or an older version of it come back. */
  records: z.int(),
  /** Slots that lose every replica: what lies in them is gone, and nobody is left to count it. */
  emptySlots: z.int(),
  /** Slots about which nobody who stays could be asked. */
  unknownSlots: z.int(),
  /** Slots of which one of them is needed still, as a replica or since newer ones have not copied all. 0: drained. Older nodes do not tell. */
  heldSlots: z.int().optional(),
});
export type RemovalLoss = z.output<typeof RemovalLoss>;

export const membersRoutes = defineRoutes({
  list: {
    summary: 'The members of the snapshot in force.',
    method: 'GET',
    path: '/v1/members',
    grant: 'members:read',
    output: json(MemberList),
    errors: [],
  },
  snapshot: {
    summary: 'The snapshot in force, byte for byte as it was received, signatures included.',
    method: 'GET',
    path: '/v1/members/snapshot',
    grant: 'members:read',
    output: bytes(SNAPSHOT_CONTENT_TYPE, { hash: header('etag', Etag) }),
    errors: ['MEMBERS_SNAPSHOT_NONE'],
  },
  push: {
    summary: 'Hands a signed snapshot to this node, which judges it, stores it and passes it on.',
    method: 'POST',
    path: '/v1/members/snapshot',
    grant: 'members:push',
    body: bytesBody(MAX_SNAPSHOT_BYTES, { contentType: SNAPSHOT_CONTENT_TYPE }),
    output: json(PUSHED),
    errors: [
      'DOCUMENT_MALFORMED',
      'GENESIS_UNKNOWN',
      'SNAPSHOT_WRONG_SYSTEM',
      'SNAPSHOT_SIGNATURE',
      'SNAPSHOT_NOT_ADMIN',
      'SNAPSHOT_PROOF_SIGNATURE',
      'SNAPSHOT_PROOF_EXPIRED',
      'SNAPSHOT_REVOKED',
      'SNAPSHOT_PREVIOUS_UNKNOWN',
      'SNAPSHOT_EPOCH_GAP',
      'SNAPSHOT_DATE',
      'SNAPSHOT_SCOPE',
      'SNAPSHOT_FORCE_NEEDED',
      'SNAPSHOT_COUNTERSIGNATURE_MISSING',
      'SNAPSHOT_FOUNDED',
      'STORE_FULL',
    ],
    repeatable: true,
  },
  submit: {
    summary:
      'Hands a signed key rotation, revocation or snapshot to this node, which judges it, stores it and passes it on.',
    method: 'POST',
    path: '/v1/members/documents',
    grant: 'members:push',
    query: { kind: z.enum(['rotation', 'revocation', 'snapshot']) },
    body: bytesBody(MAX_SNAPSHOT_BYTES, { contentType: SNAPSHOT_CONTENT_TYPE }),
    output: json(PUSHED),
    errors: [
      'DOCUMENT_MALFORMED',
      'GENESIS_UNKNOWN',
      'SYSTEM_MISMATCH',
      'ROOT_FORKED',
      'ROTATION_OUTVOTED',
      'ROTATION_PREVIOUS_UNKNOWN',
      'ROTATION_VERSION',
      'ROTATION_DATE',
      'ROTATION_SIGNATURE',
      'REVOCATION_SIGNATURE',
      'SNAPSHOT_SIGNATURE',
      'STORE_FULL',
    ],
    repeatable: true,
  },
  documents: {
    summary:
      'The signed documents that this node holds, oldest first: rotations, revocations, snapshots in force, and branches that lost.',
    method: 'GET',
    path: '/v1/members/documents',
    grant: 'members:read',
    query: {
      list: z.enum(['rotations', 'revocations', 'snapshots', 'branches']),
      cursor: z
        .string()
        .regex(/^\d{1,16}\.[0-9a-f]{64}$/, { error: 'must be the cursor of the page before' })
        .optional(),
    },
    output: json(CarriedDocuments),
    errors: [],
  },
  offer: {
    summary: 'Has this node hand a signed document to one member, and tells what that member says.',
    method: 'POST',
    path: '/v1/members/offer',
    grant: 'members:push',
    query: {
      peer: z.string().regex(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/, { error: 'it is none' }),
      kind: z.enum(['rotation', 'revocation', 'snapshot']),
    },
    body: bytesBody(MAX_SNAPSHOT_BYTES, { contentType: SNAPSHOT_CONTENT_TYPE }),
    output: json(MemberAnswer),
    errors: ['DOCUMENT_MALFORMED', 'PEER_UNREACHABLE'],
    invalid: { peer: 'PEER_ID_INVALID' },
    repeatable: true,
  },
  loss: {
    summary: 'What may be lost when these members are removed at once. Changes nothing.',
    method: 'GET',
    path: '/v1/members/loss',
    grant: 'members:read',
    /** Peer ids, separated by commas. */
    query: { remove: z.string().min(1).max(65_536) },
    output: json(RemovalLoss),
    errors: ['PEER_ID_INVALID', 'STATE_UNCONFIGURED'],
  },
  acceptLoss: {
    summary:
      'Takes what this node holds for all there is, where all replicas lost their disks at once and none can learn from another.',
    method: 'POST',
    path: '/v1/members/accept-loss',
    grant: 'members:push',
    output: json(z.object({ before: z.enum(['unproven', 'voter', 'learner']) })),
    errors: ['STORE_FULL'],
    repeatable: true,
  },
  root: {
    summary:
      'The root of trust as this node holds it: system keys, admin proof in use, forks and open conflicts.',
    method: 'GET',
    path: '/v1/members/root',
    grant: 'members:read',
    output: json(RootStatus),
    errors: ['GENESIS_UNKNOWN'],
  },
  audit: {
    summary: 'The log of every document of trust that this node accepted or refused, oldest first.',
    method: 'GET',
    path: '/v1/members/audit',
    grant: 'members:read',
    query: { after: integer(0, Number.MAX_SAFE_INTEGER).optional(), limit: integer(1, 1_000).optional() },
    output: json(AuditList),
    errors: [],
  },
});
