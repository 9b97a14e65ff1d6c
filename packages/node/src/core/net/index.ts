/**
 * The network as a port: who is connected, and ordered channels of bytes to them. Production stands on libp2p
 * (`createNet`), tests and the simulator on `testing/memory-net.ts`. Only this folder imports libp2p.
 */
export type { Channel, PeerId } from '@p2pos/protocol/rpc';
export { createNet, type Libp2pNetConfig, type NetDeps } from './libp2p-net.ts';
export type { NetLimits } from './limits.ts';
export { createMdns, type MdnsConfig, type MdnsDeps } from './mdns.ts';
export type { Address, Connection, Handler, Nat, Net, NetConfig, NetEvents, Traffic } from './port.ts';
