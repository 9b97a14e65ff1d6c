/** Lets the holder of a key issue membership snapshots, within scopes and for a time; signed by the system keys. */
import { z } from 'zod';
import { peerIdSchema, serialSchema, systemIdSchema, timestampSchema } from '../contract/schema.ts';
import { parseTimestamp } from '../time.ts';
import type { AdminProof } from './bodies.ts';
import { defineDocument } from './document.ts';
import { distinct, scopeSchema, versionField } from './fields.ts';

/** 90 days are usual; nothing makes one valid for ever (T3). */
export const MAX_ADMIN_PROOF_MS = 400 * 86_400_000;

export const adminProofFields = {
  version: versionField(1),
  systemId: systemIdSchema,
  role: z.literal('admin', { error: 'must be admin' }),
  adminPeerId: peerIdSchema,
  scopes: distinct(scopeSchema, { min: 1, max: 64 }),
  validFrom: timestampSchema,
  validTo: timestampSchema,
  serial: serialSchema,
};

const schema = z
  .strictObject(adminProofFields)
  .refine(({ validFrom, validTo }) => validFrom < validTo, {
    path: ['validTo'],
    error: 'must be after validFrom',
  })
  .refine(
    ({ validFrom, validTo }) => parseTimestamp(validTo) - parseTimestamp(validFrom) <= MAX_ADMIN_PROOF_MS,
    {
      path: ['validTo'],
      error: 'must be at most 400 days after validFrom',
    },
  ) satisfies z.ZodType<AdminProof>;

export const adminProofDocument = defineDocument<AdminProof>('p2pos/admin-proof/1', schema, {
  maxBytes: 16_384,
});
