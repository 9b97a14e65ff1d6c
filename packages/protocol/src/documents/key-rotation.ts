/** Replaces the system keys; signed by the old and the new threshold. */
import { z } from 'zod';
import { hash32Schema, integerSchema, systemIdSchema, timestampSchema } from '../contract/schema.ts';
import { toHex } from '../encoding/hex.ts';
import type { KeyRotation } from './bodies.ts';
import { defineDocument } from './document.ts';
import { distinct, isMajority, keysSchema, MAX_KEYS } from './fields.ts';

export const keyRotationFields = {
  version: integerSchema(2),
  systemId: systemIdSchema,
  createdAt: timestampSchema,
  previous: hash32Schema,
  keys: keysSchema(1),
  threshold: integerSchema(1, MAX_KEYS),
  keptProofs: distinct(hash32Schema, { max: 512, by: toHex }),
  keptRevocations: distinct(hash32Schema, { max: 1_024, by: toHex }),
};

const schema = z
  .strictObject(keyRotationFields)
  .refine(({ threshold, keys }) => isMajority(threshold, keys.length), {
    path: ['threshold'],
    error: 'must be more than half of the keys and at most all',
  }) satisfies z.ZodType<KeyRotation>;

export const keyRotationDocument = defineDocument<KeyRotation>('p2pos/key-rotation/1', schema, {
  maxBytes: 65_536,
});
