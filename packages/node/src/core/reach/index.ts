/**
 * How others reach this node (system.md §3). In `auto` it asks members to dial it back; where they cannot, it takes two relays
 * among the members, the nearest by round trip, keeps them, and turns relayed connections into direct ones where the routers
 * on both sides allow it: by dialling, or by both ends dialling each other at once.
 *
 * Promises: a node that no member can dial is reached through its relays; when one dies the other is there, and a third
 * takes its place. Members are asked only for addresses at which they see this node themselves, so nobody can be made to
 * dial a stranger. Ports that a router leads here by UPnP are kept up, and taken back at the end.
 *
 * @example
 * await using reach = createReachability({ nat, net, rpc, membership, liveness, mesh, presence, clock, random, log }, { mode: 'auto' });
 * reach.current(); // { reach: 'private', relays: ['12D3KooW…', '12D3KooW…'] }
 */
import type { Address, PeerId } from '../net/index.ts';

export type NetworkMode = 'auto' | 'public' | 'private';

/** What became of leading ports of the router here. */
export interface PortMappingView {
  /** `off`: not asked for. `idle`: not needed. `none`: no router answered. */
  readonly state: 'off' | 'idle' | 'none' | 'mapped' | 'failed';
  /** What the router calls itself. */
  readonly router?: string;
  /** Where this node is reached by them, without its peer id. */
  readonly addresses: readonly Address[];
  readonly reason?: string;
}

/** `auto`: where members cannot dial this node. */
export type PortMappingMode = 'auto' | 'on' | 'off';

export interface ReachView {
  /** `public`: members dial it. `private`: some cannot. `unknown`: none was asked yet. */
  readonly reach: 'public' | 'private' | 'unknown';
  /** Members that relay for this node now. */
  readonly relays: readonly PeerId[];
  readonly portMapping: PortMappingView;
}

export interface Reachability extends AsyncDisposable {
  current(): ReachView;
}

export { createReachability, type ReachabilityConfig, type ReachabilityDeps } from './reachability.ts';
export { createUpnp, type PortMapper } from './upnp/index.ts';
