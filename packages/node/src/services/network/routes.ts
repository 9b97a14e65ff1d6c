/** Binds the contracts of network and health. */
import type { healthRoutes, networkRoutes, RouteHandlers } from '@p2pos/protocol';
import { checkHealth, type HealthDeps } from './health.ts';
import type { Network } from './network.ts';

export function createNetworkHandlers(network: Network): RouteHandlers<typeof networkRoutes> {
  return {
    status: async () => network.status(),
    peers: async () => ({ peers: network.peers() }),
  };
}

export function createHealthHandlers(deps: HealthDeps): RouteHandlers<typeof healthRoutes> {
  return { read: () => checkHealth(deps) };
}
