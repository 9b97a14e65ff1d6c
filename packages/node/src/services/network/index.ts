/**
 * The network as one node sees it, or as all see it together (P11): the state of this node and why, every member by the
 * newest observation, and health as named checks (D13). Observations only; nothing here changes membership.
 *
 * @example
 * const network = createNetwork({ rpc, net, membership, liveness, state, presence, clock }, { version: '0.1.0' });
 * network.status().state; // 'healthy'
 * network.peers().filter((peer) => peer.reachability === 'offline');
 * (await network.cluster()).peers; // what any member sees
 */
export { createNodeChecks, type NodeChecksDeps } from './checks.ts';
export { type Check, createHealth, type HealthMonitor } from './health.ts';
export { watchMemory } from './memory.ts';
export {
  type ClusterView,
  createNetwork,
  type Network,
  type NetworkConfig,
  type NetworkDeps,
} from './network.ts';
export { createReach, type Reach, type ReachDeps } from './reach.ts';
export { createHealthHandlers, createNetworkHandlers } from './routes.ts';
export { serveStatus } from './serving.ts';
