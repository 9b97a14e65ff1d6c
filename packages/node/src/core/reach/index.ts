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

export type { NetworkMode, PortMappingMode, PortMappingView, Reachability, ReachView } from './port.ts';
export { createReachability, type ReachabilityConfig, type ReachabilityDeps } from './reachability.ts';
export { createUpnp } from './upnp/index.ts';
export type { PortMapper } from './upnp/port.ts';
