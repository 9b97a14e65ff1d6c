/**
 * The network as one node sees it (P11): its own state and why, every member by the newest observation, and health as
 * named checks. Observations only; nothing here changes membership.
 *
 * @example
 * const network = createNetwork({ net, membership, liveness, state, presence, clock }, { version: '0.1.0' });
 * network.status().state; // 'healthy'
 * network.peers().filter((peer) => peer.reachability === 'offline');
 */
export { createNetwork, type Network, type NetworkConfig, type NetworkDeps } from './network.ts';
export { createHealthHandlers, createNetworkHandlers } from './routes.ts';
export { serveStatus } from './wire.ts';
