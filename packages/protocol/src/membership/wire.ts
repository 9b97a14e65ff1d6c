/** What peers say about membership: anyone may ask for documents and hand one over; size and rate are bounded. */

import { z } from 'zod';
import { hexHashSchema, integerSchema, peerIdSchema, signatureSchema, snapshotDocument } from '../index.ts';
import { defineCapability } from '../rpc/index.ts';

/** Room for the envelope around the greatest document. */
const MAX_BODY_BYTES = snapshotDocument.maxDocumentBytes + 65_536;
/** A page of documents ends once it has this much; a greater document travels alone. */
export const PAGE_BYTES = 512 * 1_024;
export const PAGE_DOCUMENTS = 64;

const documentBytes = z.custom<Uint8Array>(
  (value) =>
    value instanceof Uint8Array && value.length > 0 && value.length <= snapshotDocument.maxDocumentBytes,
);
const kind = z.enum(['genesis', 'rotation', 'revocation', 'snapshot']);
const countersignature = z.strictObject({ peerId: peerIdSchema, signature: signatureSchema });
const epoch = integerSchema(0, Number.MAX_SAFE_INTEGER);
const carried = z.strictObject({
  kind,
  hash: hexHashSchema,
  epoch,
  bytes: documentBytes,
  countersignature: countersignature.optional(),
});

/** `/p2pos/membership/1.0.0`: pull. */
export const MEMBERSHIP = defineCapability('/p2pos/membership/1.0.0', {
  heads: {
    id: 1,
    input: z.strictObject({}),
    output: z.strictObject({
      epoch,
      snapshot: hexHashSchema,
      revocations: hexHashSchema,
      keys: hexHashSchema,
    }),
    maxBodyBytes: 1_024,
  },
  documents: {
    id: 2,
    input: z.strictObject({
      list: z.enum(['genesis', 'rotations', 'revocations', 'snapshots', 'branches']),
      after: z.strictObject({ epoch, hash: z.union([z.literal(''), hexHashSchema]) }),
    }),
    output: z.strictObject({ documents: z.array(carried).max(PAGE_DOCUMENTS), more: z.boolean() }),
    cost: 'bulk',
    maxBodyBytes: MAX_BODY_BYTES,
  },
});

/** `/p2pos/membership-push/1.0.0`: a document handed over; the answer says truthfully what became of it (T6). */
export const MEMBERSHIP_PUSH = defineCapability('/p2pos/membership-push/1.0.0', {
  push: {
    id: 1,
    input: z.strictObject({ kind, bytes: documentBytes, countersignature: countersignature.optional() }),
    output: z.strictObject({
      result: z.enum(['applied', 'stale', 'refused']),
      code: z.string().max(64).optional(),
      reason: z.string().max(1_024).optional(),
    }),
    maxBodyBytes: MAX_BODY_BYTES,
  },
});
