import type { Connected, Disconnected, InvitationText, NetworkStatus, PeerStatus } from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';

export interface NetworkClient {
  /** Of the node that answers. */
  status(options?: CallOptions): Promise<NetworkStatus>;
  /** All members and connected peers as that node sees them, itself included. */
  peers(options?: CallOptions): Promise<PeerStatus[]>;
  /** Dials a multiaddr at once. Rejects with ADDRESS_INVALID, PEER_UNREACHABLE. */
  connect(address: string, options?: CallOptions): Promise<Connected>;
  /** Closes all connections to a peer (id, or address that ends in it) and keeps it away for `holdMs`, by default a minute. */
  disconnect(peer: string, options?: CallOptions & { readonly holdMs?: number }): Promise<Disconnected>;
  /** What another machine needs to find the system, signed by that node. */
  invite(options?: CallOptions & { readonly addresses?: readonly string[] }): Promise<InvitationText>;
}

export function createNetworkClient(call: Call): NetworkClient {
  return {
    status: (options) => call('network.status', {}, options),
    peers: async (options) => (await call('network.peers', {}, options)).peers,
    connect: (address, options) => call('network.connect', { body: { address } }, options),
    disconnect: (peer, { holdMs, ...options } = {}) =>
      call('network.disconnect', { body: { peer, ...(holdMs !== undefined && { holdMs }) } }, options),
    invite: ({ addresses, ...options } = {}) =>
      call('network.invite', { body: { ...(addresses && { addresses: [...addresses] }) } }, options),
  };
}
