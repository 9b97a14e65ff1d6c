/** How heartbeats travel between members. */
import { bytesSchema, integerSchema, textSchema } from '@p2pos/protocol';
import { MAX_HEARTBEAT_BYTES } from '@p2pos/protocol/rpc';
import { z } from 'zod';
import { defineCapability } from '../rpc/index.ts';
import { MAX_BATCH, MAX_OFFER } from './gossip.ts';
import { NAME_LENGTH } from './heartbeat.ts';

const document = bytesSchema({ min: 1, max: MAX_HEARTBEAT_BYTES });

/** Signed heartbeats, and before them their names, since most are known already. */
export const HEARTBEAT = defineCapability('/p2pos/heartbeat/1.0.0', {
  push: {
    id: 1,
    input: z.strictObject({ heartbeats: z.array(document).min(1).max(MAX_BATCH) }),
    output: z.strictObject({
      /** How many were news. */
      accepted: integerSchema(0, MAX_BATCH),
      /** One of the sender's own key that is newer than what it pushed of itself. */
      newer: z.array(document).max(1),
    }),
    maxBodyBytes: MAX_BATCH * (MAX_HEARTBEAT_BYTES + 8),
  },
  offer: {
    id: 2,
    /** The first 96 bits of the SHA-256 of each document, as base64. */
    input: z.strictObject({
      names: z
        .array(textSchema(NAME_LENGTH, { min: NAME_LENGTH }))
        .min(1)
        .max(MAX_OFFER),
    }),
    output: z.strictObject({
      /** By their place in `names`. */
      lacking: z.array(integerSchema(0, MAX_OFFER - 1)).max(MAX_OFFER),
    }),
    maxBodyBytes: MAX_OFFER * (NAME_LENGTH + 8),
  },
});
