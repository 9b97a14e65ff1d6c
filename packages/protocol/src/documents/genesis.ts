/** The document that founds a system and never changes; SHA-256 of its body names the system. */
import { z } from 'zod';
import { integerSchema, timestampSchema } from '../contract/schema.ts';
import { P2posError } from '../errors/errors.ts';
import type { Genesis } from './bodies.ts';
import { defineDocument } from './document.ts';
import { isMajority, keysSchema, MAX_KEYS, titleSchema, versionField } from './fields.ts';

export const MAX_SLOTS = 65_536;

export const genesisFields = {
  version: versionField(1),
  name: titleSchema,
  createdAt: timestampSchema,
  admission: z.literal('closed', { error: 'must be closed' }),
  slots: integerSchema(1, MAX_SLOTS).refine((slots) => (slots & (slots - 1)) === 0, {
    error: 'must be a power of two',
  }),
  systemKeys: keysSchema(1),
  threshold: integerSchema(1, MAX_KEYS),
  releaseKeys: keysSchema(0),
  releaseThreshold: integerSchema(0, MAX_KEYS),
};

const schema = z
  .strictObject(genesisFields)
  .refine(({ threshold, systemKeys }) => isMajority(threshold, systemKeys.length), {
    path: ['threshold'],
    error: 'must be more than half of the system keys and at most all',
  })
  .refine(({ releaseThreshold, releaseKeys }) => isMajority(releaseThreshold, releaseKeys.length), {
    path: ['releaseThreshold'],
    error: 'must be more than half of the release keys and at most all, 0 without any',
  }) satisfies z.ZodType<Genesis>;

export const genesisDocument = defineDocument<Genesis>('p2pos/genesis/1', schema, {
  maxBytes: 16_384,
  refuse: (body) => {
    const admission = (body as { admission?: unknown } | null)?.admission;
    return admission === 'open' ? new P2posError('ADMISSION_UNSUPPORTED', { admission }) : undefined;
  },
});
