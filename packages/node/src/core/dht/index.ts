/**
 * The distributed hash table (Kademlia with the walls of S/Kademlia): finds nodes and small values among any number of
 * nodes with a handful of questions. Values lie on the k nodes closest to their key, and only what is signed by its author
 * or lies under its own hash is kept or believed. The same code runs over rpc and under the lookup simulator.
 *
 * Promises: a value that `put`, `publish` or `announce` confirmed was taken by most of the k closest nodes and is renewed
 * until its end; what `get`, `resolve` and `discover` answer was verified here; memory is bounded whatever peers send.
 *
 * @example
 * await using dht = createDht({ transport, crypto, signer, clock, random, log }, { systemId, peerId });
 * await dht.join();
 * await dht.announce({ topic: 'mirrors', entry: '', value, ttlMs: 3_600_000 });
 * for (const { author, value } of await dht.discover('mirrors')) …
 */
export { createDht, type DhtConfig, type DhtDeps } from './dht.ts';
export { createReputation } from './guard/reputation.ts';
export { createMemberDht, type MemberDhtDeps } from './member-dht.ts';
export type {
  Caller,
  Contact,
  Dht,
  DhtStatus,
  DhtTransport,
  Found,
  KadCalls,
  KadHandler,
  KadMethod,
  LookupReport,
  Stored,
  Waiting,
} from './port.ts';
export type { NetworkGroup } from './routing/network-group.ts';
export { networkGroupOf } from './routing/network-group.ts';
export { compareDistance, type NodeId, type NodeIds } from './routing/node-id.ts';
export { createRpcTransport, KAD, type RpcTransportConfig } from './wire/rpc-transport.ts';
