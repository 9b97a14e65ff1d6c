/** `/p2pos/status/1.0.0`: what a member tells another of itself and of all members, as it or as all see them (P11). */
import { NetworkStatus, NetworkView, P2posError, PeerStatus } from '@p2pos/protocol';
import { z } from 'zod';
import { createAllowance } from '../../core/allowance/index.ts';
import type { Clock } from '../../core/clock/index.ts';
import type { Membership } from '../../core/membership/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import { defineCapability, type Rpc } from '../../core/rpc/index.ts';
import type { ClusterView, Network } from './network.ts';

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

export interface ServeStatusDeps {
  readonly rpc: Pick<Rpc, 'serve'>;
  readonly network: Network;
  readonly membership: Pick<Membership, 'view' | 'events'>;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** To members only, each about five times a second. */
export function serveStatus({ rpc, network, membership, clock }: ServeStatusDeps): Disposable {
  const isListed = (peerId: PeerId) => membership.view().members.has(peerId);
  const askers = createAllowance(clock, { burst: () => 20, perSecond: () => 5 });
  const subscription = membership.events.on('membership:changed', () => askers.retain(isListed));
  const served = rpc.serve(STATUS, {
    view: async ({ view }, { peerId }): Promise<ClusterView> => {
      if (!isListed(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
      if (!askers.take(peerId, 1)) throw new P2posError('OVERLOADED', { what: 'Status of this node' });
      return view === 'cluster' ? network.cluster() : { status: network.status(), peers: network.peers() };
    },
  });
  return {
    [Symbol.dispose]() {
      subscription[Symbol.dispose]();
      served[Symbol.dispose]();
    },
  };
}
