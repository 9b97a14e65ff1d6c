/** The network as the rest of the node sees it. */
import type { Channel, PeerId } from '@p2pos/protocol/rpc';
import type { Events } from '../events/index.ts';

/** A multiaddr in text form, e.g. `/ip4/127.0.0.1/tcp/4100/p2p/12D3Koo…`. */
export type Address = string;

export type Handler = (channel: Channel) => void;

export interface NetConfig {
  /** Whether `peerId` may open `protocol` here now; asked for each inbound channel. */
  readonly admit: (peerId: PeerId, protocol: string) => boolean;
}

export type NetEvents = {
  'peer:connected': PeerId;
  'peer:disconnected': PeerId;
};

export interface Connection {
  readonly peerId: PeerId;
  readonly remoteAddress: Address;
  readonly direction: 'inbound' | 'outbound';
  readonly transport: 'tcp' | 'quic' | 'ws' | 'memory';
  readonly encryption: string;
  /** Through another peer that relays it; absent: direct. */
  readonly relayed?: boolean;
}

export interface Net extends AsyncDisposable {
  readonly peerId: PeerId;
  readonly events: Events<NetEvents>;
  /** Begins to listen and to accept. Handlers are registered before. */
  start(): Promise<void>;
  /** Where others reach this node, each ending in `/p2p/<peerId>`. Empty before `start`. */
  addresses(): Address[];
  connections(): Connection[];
  isConnected(peerId: PeerId): boolean;
  /** Connects to the first address that answers; the peer proved that it holds the key of its id. */
  dial(addresses: readonly Address[], options: { readonly signal: AbortSignal }): Promise<PeerId>;
  /** Closes every connection to the peer at once. */
  hangUp(peerId: PeerId): Promise<void>;
  /** Opens a channel over an existing connection. PEER_UNREACHABLE without one, METHOD_UNKNOWN where the peer lacks the protocol. */
  open(peerId: PeerId, protocol: string, options: { readonly signal: AbortSignal }): Promise<Channel>;
  handle(protocol: string, handler: Handler): Disposable;
  /** Where the network is a real one. */
  readonly nat?: Nat;
}

export interface Traffic {
  readonly direct: { readonly sentBytes: number; readonly receivedBytes: number };
  readonly relayed: { readonly sentBytes: number; readonly receivedBytes: number };
}

/** What a node behind a router needs, and what it can do for others that are. */
export interface Nat {
  /** Asks a peer to relay for this node for as long as they are connected. @throws P2posError PEER_UNREACHABLE */
  reserve(relay: PeerId, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Peers that relay for this node now. */
  relays(): PeerId[];
  /** What `addresses()` says beside those listened on, where nothing else is configured. */
  announce(addresses: readonly Address[]): void;
  /** From where the peer sees this node come, over a direct tcp connection that this node made. @throws where there is none */
  observed(peerId: PeerId, options: { readonly signal: AbortSignal }): Promise<Address>;
  /** Whether a new connection to the address of a peer can be had; it is closed again. */
  isReachedAt(address: Address, options: { readonly signal: AbortSignal }): Promise<boolean>;
  /** Until disposed, a connection that this peer makes is tried out, and used only where there is no other. */
  expectTrial(peerId: PeerId): Disposable;
  /**
   * Dials from the port that others saw, while the other end does the same, so that both routers let the other in (TCP simultaneous
   * open, RFC 9293 §3.5). One end says it is the server. @throws where it fails
   */
  punch(
    address: Address,
    options: { readonly asServer: boolean; readonly signal: AbortSignal },
  ): Promise<void>;
  /** Ends the connections to the peer that go through a relay. */
  dropRelayed(peerId: PeerId): void;
  /** Bytes of channels since the start. */
  traffic(): Traffic;
  /** Peers that this node relays for, and bytes that it carried for others. */
  relayedFor(): number;
  carriedBytes(): number;
}
