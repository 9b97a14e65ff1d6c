/** Who belongs to the system from an epoch on; signed by an admin, whose proof lies inside the signed bytes. */
import { z } from 'zod';
import {
  addressSchema,
  bytesSchema,
  hash32Schema,
  integerSchema,
  peerIdSchema,
  systemIdSchema,
  timestampSchema,
} from '../contract/schema.ts';
import { toHex } from '../encoding/hex.ts';
import { adminProofDocument } from './admin-proof.ts';
import type { Member, Snapshot } from './bodies.ts';
import { defineDocument } from './document.ts';
import { CAPABILITIES, capabilitySchema, distinct, nameSchema, versionField, zoneSchema } from './fields.ts';

export const MAX_MEMBERS = 1_000;
const MAX_ADDRESSES = 8;
const MAX_MERGES = 64;

export const memberFields = {
  peerId: peerIdSchema,
  name: nameSchema,
  tier: z.literal([0, 1, 2, 3], { error: 'must be 0, 1, 2 or 3' }),
  capabilities: distinct(capabilitySchema, { max: CAPABILITIES.length }),
  zone: zoneSchema,
  draining: z.boolean(),
  notAfter: timestampSchema.exactOptional(),
  addresses: distinct(addressSchema, { max: MAX_ADDRESSES }),
};
const memberSchema = z.strictObject(memberFields) satisfies z.ZodType<Member>;

export const snapshotFields = {
  version: versionField(1),
  systemId: systemIdSchema,
  epoch: integerSchema(1),
  previous: hash32Schema,
  merges: distinct(hash32Schema, { max: MAX_MERGES, by: toHex }),
  issuedAt: timestampSchema,
  issuerPeerId: peerIdSchema,
  members: z
    .array(memberSchema)
    .min(1, { error: 'must hold a member', abort: true })
    .max(MAX_MEMBERS, { error: `must hold at most ${MAX_MEMBERS}`, abort: true })
    .refine(isAscending, { error: 'must be in ascending order of distinct peer ids' })
    .refine((members) => new Set(members.map(({ name }) => name)).size === members.length, {
      error: 'must not give one name to two members',
    }),
  force: z.boolean(),
  adminProof: bytesSchema({ min: 1, max: adminProofDocument.maxDocumentBytes }),
};

const schema = z.strictObject(snapshotFields) satisfies z.ZodType<Snapshot>;

/** 1 000 members with everything at its bound take 2.7 MB. */
export const snapshotDocument = defineDocument<Snapshot>('p2pos/snapshot/1', schema, {
  maxBytes: 3 * 1_048_576,
});

function isAscending(members: readonly Member[]): boolean {
  return members.every(
    (member, index) => index === 0 || (members[index - 1] as Member).peerId < member.peerId,
  );
}
