/** What peers say to each other to keep their connections, and to learn where the others are. */
import { z } from 'zod';
import { addressSchema, bytesSchema, integerSchema, peerIdSchema, textSchema } from '../contract/schema.ts';
import { defineCapability } from './capability.ts';

/** Wall clock, ms since the epoch. */
const wallClock = z.number().min(0).max(253_402_300_799_999);
const MAX_PING_BYTES = 256;

/** Which store a node runs on, and how far that has come: an old copy of it is told from it by those who heard of more. */
export const storePositionSchema = z.strictObject({
  storeId: textSchema(64, { min: 1 }),
  commits: integerSchema(0),
});

/** Each side tells the other what its wall clock says; who answers and keeps records, how far its store has come. */
export const PING = defineCapability('/p2pos/ping/1.0.0', {
  ping: {
    id: 1,
    input: z.strictObject({ at: wallClock }),
    output: z.strictObject({ at: wallClock, store: storePositionSchema.optional() }),
    maxBodyBytes: MAX_PING_BYTES,
  },
});

export const MAX_HEARTBEAT_BYTES = 4_096;
export const MAX_ADDRESSES_PER_PEER = 8;
/** Of one exchange: heartbeats that the asker names, members that it lacks, heartbeats in an answer. */
export const PEERS_LIMITS = { known: 10_000, lacking: 256, heartbeats: 64 } as const;

/** What one member asks another upon connect: signed heartbeats that it lacks, and addresses of members that it cannot reach. */
export const PEERS = defineCapability('/p2pos/peers/1.0.0', {
  exchange: {
    id: 1,
    input: z.strictObject({
      /** The newest heartbeats that the asker holds. */
      known: z
        .array(z.strictObject({ peerId: peerIdSchema, incarnation: integerSchema(1), seq: integerSchema(1) }))
        .max(PEERS_LIMITS.known),
      /** Members that it is not connected to. */
      lacking: z.array(peerIdSchema).max(PEERS_LIMITS.lacking),
    }),
    output: z.strictObject({
      /** Signed, newer than `known`. */
      heartbeats: z.array(bytesSchema({ min: 1, max: MAX_HEARTBEAT_BYTES })).max(PEERS_LIMITS.heartbeats),
      addresses: z
        .array(
          z.strictObject({
            peerId: peerIdSchema,
            addresses: z.array(addressSchema).max(MAX_ADDRESSES_PER_PEER),
          }),
        )
        .max(PEERS_LIMITS.lacking),
      /** There are more heartbeats: ask again. */
      more: z.boolean(),
    }),
    maxBodyBytes: 1_048_576,
  },
});
