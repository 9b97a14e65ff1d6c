/** Takes back admin proofs and nodes; signed by the system keys, accumulates by union. */
import { z } from 'zod';
import {
  hash32Schema,
  integerSchema,
  peerIdSchema,
  serialSchema,
  systemIdSchema,
  timestampSchema,
} from '../contract/schema.ts';
import type { Revocation } from './bodies.ts';
import { defineDocument } from './document.ts';
import { distinct, versionField } from './fields.ts';

export const revokedSerialFields = { serial: serialSchema, lastGoodSnapshot: hash32Schema.exactOptional() };

export const revocationFields = {
  version: versionField(1),
  systemId: systemIdSchema,
  epoch: integerSchema(1),
  createdAt: timestampSchema,
  serials: distinct(z.strictObject(revokedSerialFields), { max: 4_096, by: ({ serial }) => serial }),
  peerIds: distinct(peerIdSchema, { max: 4_096 }),
};

const schema = z
  .strictObject(revocationFields)
  .refine(({ serials, peerIds }) => serials.length + peerIds.length > 0, {
    error: 'must revoke something',
  }) satisfies z.ZodType<Revocation>;

export const revocationDocument = defineDocument<Revocation>('p2pos/revocation/1', schema, {
  maxBytes: 1_048_576,
});
