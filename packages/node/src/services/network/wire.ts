/** `/p2pos/status/1.0.0`: what a node tells another member of itself, or of all members as it sees them (P11). */
import { NetworkStatus, PeerStatus } from '@p2pos/protocol';
import { z } from 'zod';
import { defineCapability, type Rpc } from '../../core/rpc/index.ts';
import type { Network } from './network.ts';

export const STATUS = defineCapability('/p2pos/status/1.0.0', {
  local: { id: 1, input: z.strictObject({}), output: NetworkStatus },
  cluster: { id: 2, input: z.strictObject({}), output: z.object({ peers: z.array(PeerStatus).max(2_048) }) },
});

export function serveStatus(rpc: Pick<Rpc, 'serve'>, network: Network): Disposable {
  return rpc.serve(STATUS, {
    local: async () => network.status(),
    cluster: async () => ({ peers: network.peers() }),
  });
}
