/**
 * A page as a peer of the system: a libp2p node in the browser, over WebSockets and relays. It votes nowhere and stores nothing; it
 * verifies what it reads, from the system id up, so it needs to trust none of the nodes that it speaks with.
 *
 * Promises: only documents that verify count, whoever hands them over; a lost connection is replaced; a token is shown to
 * members of the verified snapshot only. It needs libp2p, which is an optional peer dependency of this package.
 *
 * @example
 * await using peer = await connectPeer({ system: 'sys1…', addresses: ['/dns4/a.example/tcp/443/wss/p2p/12D3KooW…'] });
 * peer.members(); // of the snapshot in force
 * await using client = connect({ transport: peer.transport({ token }) });
 * await client.kv.get('greeting');
 */
export { createPageCrypto, createPageSigner } from './page-crypto.ts';
export {
  type CallLimits,
  connectPeer,
  type Peer,
  type PeerOptions,
  type PeerStatus,
  type PeerTrust,
} from './peer.ts';
export type { PeerTransportOptions } from './peer-transport.ts';
export type { VerifiedReadOptions, VerifiedValue } from './verified-kv.ts';
