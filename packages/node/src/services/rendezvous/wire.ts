/** What members tell each other of registrations. */
import {
  bytesSchema,
  integerSchema,
  MAX_DHT_ENTRY_BYTES,
  MAX_RENDEZVOUS_PAGE,
  textSchema,
} from '@p2pos/protocol';
import { z } from 'zod';
import { defineCapability } from '../../core/rpc/index.ts';

const entry = bytesSchema({ min: 1, max: MAX_DHT_ENTRY_BYTES });
export const MAX_TOPIC_LENGTH = 256;

export const RENDEZVOUS = defineCapability('/p2pos/rendezvous/1.0.0', {
  register: {
    id: 1,
    /** A signed entry of the kind `shared`; an empty value ends the one before. */
    input: z.strictObject({ entry }),
    output: z.strictObject({}),
    maxBodyBytes: MAX_DHT_ENTRY_BYTES + 64,
  },
  discover: {
    id: 2,
    input: z.strictObject({
      topic: textSchema(MAX_TOPIC_LENGTH, { min: 1 }),
      limit: integerSchema(1, MAX_RENDEZVOUS_PAGE + 1),
    }),
    output: z.strictObject({ entries: z.array(entry).max(MAX_RENDEZVOUS_PAGE + 1) }),
    maxBodyBytes: 1_048_576,
  },
});
