import { type NetworkStatus, networkRoutes, type PeerStatus } from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';

export interface NetworkClient {
  /** Of the node that answers. */
  status(options?: CallOptions): Promise<NetworkStatus>;
  /** All members and connected peers as that node sees them, itself included. */
  peers(options?: CallOptions): Promise<PeerStatus[]>;
}

export function createNetworkClient(call: Call): NetworkClient {
  return {
    status: (options) => call(networkRoutes.status, {}, options),
    peers: async (options) => (await call(networkRoutes.peers, {}, options)).peers,
  };
}
