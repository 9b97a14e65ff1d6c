/**
 * Keeps a connection to every other member, up to 256 (P7, D9): a persisted address book, bootstrap addresses, exponential
 * backoff with jitter, and an exchange of signed heartbeats and addresses with each member at once upon connect, so that
 * who knows one member soon knows all (T20). An unconfigured node keeps its bootstrap connections, to pull membership.
 *
 * @example
 * await using mesh = await createMesh({ net, rpc, membership, presence, store, clock, random, log }, {
 *   initConnections: ['/dns4/seed.example.org/tcp/4100', '/ip4/192.0.2.1/tcp/4100/p2p/12D3Koo…'],
 * });
 * mesh.book(); // [{ peerId, addresses, lastSuccess }, …]
 */
export { peerIdIn } from './address-book.ts';
export { createMesh, type MeshConfig, type MeshDeps } from './mesh.ts';
export type { KnownPeer, Mesh } from './port.ts';
