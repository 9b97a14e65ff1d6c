/** How heartbeats travel between members. */
import { bytesSchema, integerSchema } from '@p2pos/protocol';
import { MAX_HEARTBEAT_BYTES } from '@p2pos/protocol/rpc';
import { z } from 'zod';
import { defineCapability } from '../rpc/index.ts';
import { MAX_BATCH } from './gossip.ts';

const document = bytesSchema({ min: 1, max: MAX_HEARTBEAT_BYTES });

/** Signed heartbeats; `newer` are ones that the sender must know of itself. */
export const HEARTBEAT = defineCapability('/p2pos/heartbeat/1.0.0', {
  push: {
    id: 1,
    input: z.strictObject({ heartbeats: z.array(document).min(1).max(MAX_BATCH) }),
    output: z.strictObject({
      /** How many were news. */
      accepted: integerSchema(0, MAX_BATCH),
      /** Heartbeats of the sender's own key that it has not sent. */
      newer: z.array(document).max(1),
    }),
    maxBodyBytes: MAX_BATCH * (MAX_HEARTBEAT_BYTES + 8),
  },
});
