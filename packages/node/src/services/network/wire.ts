/** `/p2pos/status/1.0.0`: what a member tells another of itself and of all members, as it or as all see them (P11). */
import { NetworkStatus, NetworkView, PeerStatus } from '@p2pos/protocol';
import { z } from 'zod';
import { defineCapability } from '../../core/rpc/index.ts';

/** About 700 bytes a member. */
const MAX_PEERS = 4_096;
const MAX_BODY_BYTES = 4 * 1_048_576;

export const STATUS = defineCapability('/p2pos/status/1.0.0', {
  view: {
    id: 1,
    input: z.strictObject({ view: NetworkView }),
    output: z.object({
      status: NetworkStatus,
      peers: z.array(PeerStatus).max(MAX_PEERS),
      asked: z.int().optional(),
      answered: z.int().optional(),
    }),
    cost: 'bulk',
    maxBodyBytes: MAX_BODY_BYTES,
  },
});
