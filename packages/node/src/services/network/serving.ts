/** Answers members that ask how this node, or all of them, are. */
import { P2posError } from '@p2pos/protocol';
import { createAllowance } from '../../core/allowance/index.ts';
import type { Clock } from '../../core/clock/index.ts';
import type { Membership } from '../../core/membership/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import type { ClusterView, Network } from './network.ts';
import { STATUS } from './wire.ts';

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
