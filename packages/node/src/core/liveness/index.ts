/**
 * Who answers now, and what this node may do because of it.
 *
 * `createLiveness` pings every connected member over rpc (Lifeguard-stretched when this node itself is late), drops
 * links that answer nothing, and knows round trips and clock offsets. `createNodeState` turns that into the state of
 * §2: `unconfigured`, `degraded` or `healthy`. Both promise bounded memory: one pulse per listed member.
 *
 * @example
 * await using liveness = createLiveness({ rpc, net, membership, position: () => store.position(), clock, random, log });
 * using state = createNodeState({ peerId: net.peerId, membership, liveness, clock, log });
 * state.current(); // 'degraded' until a majority answered
 */
export { CLOCK_WARN_MS, createLiveness, type LivenessConfig, type LivenessDeps } from './liveness.ts';
export {
  createNodeState,
  type NodeStateDeps,
  type NodeStateEvents,
  type NodeStateMonitor,
} from './node-state.ts';
export type { ClockOpinion, Liveness, LivenessEvents, NodeState, Pulse } from './port.ts';
