/** What the holder of a key says of it when it is made; signed with that key, which proves that they have it. */
import { z } from 'zod';
import { publicKeySchema, timestampSchema } from '../contract/schema.ts';
import type { PublicKey, Timestamp } from './bodies.ts';
import { defineDocument } from './document.ts';
import { titleSchema, versionField } from './fields.ts';

export type KeyRole = 'system' | 'release' | 'admin';
export const KEY_ROLES = ['system', 'release', 'admin'] as const satisfies readonly KeyRole[];

export interface KeyStatement {
  readonly version: 1;
  readonly role: KeyRole;
  readonly key: PublicKey;
  /** For people: `alice, safe in Berlin`. */
  readonly label: string;
  readonly createdAt: Timestamp;
}

const schema = z.strictObject({
  version: versionField(1),
  role: z.enum(KEY_ROLES),
  key: publicKeySchema,
  label: titleSchema,
  createdAt: timestampSchema,
}) satisfies z.ZodType<KeyStatement>;

export const keyStatementDocument = defineDocument<KeyStatement>('p2pos/key-statement/1', schema, {
  maxBytes: 1_024,
});
