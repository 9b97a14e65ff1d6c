/** Binds the contracts of network and health. */
import type { healthRoutes, networkRoutes, RouteHandlers } from '@p2pos/protocol';
import type { HealthMonitor } from './health.ts';
import type { Network } from './network.ts';
import type { Reach } from './reach.ts';

export function createNetworkHandlers(network: Network, reach: Reach): RouteHandlers<typeof networkRoutes> {
  return {
    connect: ({ body }, { signal }) => reach.connect(body.address, { signal }),
    disconnect: ({ body }) => reach.disconnect(body.peer, body.holdMs),
    invite: ({ body }) => reach.invite(body.addresses),
    status: async ({ view }) => (view === 'cluster' ? (await network.cluster()).status : network.status()),
    async peers({ view }) {
      if (view !== 'cluster') return { peers: network.peers() };
      const { peers, asked, answered } = await network.cluster();
      return { peers, asked, answered };
    },
  };
}

export function createHealthHandlers(health: HealthMonitor): RouteHandlers<typeof healthRoutes> {
  return { read: () => health.check() };
}
