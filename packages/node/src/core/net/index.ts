/**
 * The network as a port: who is connected, and ordered channels of bytes to them. Production stands on libp2p
 * (`createNet`), tests and the simulator on `testing/memory-net.ts`. Only this folder imports libp2p.
 */
import type { Events } from '../events/index.ts';

export { createNet, type Libp2pNetConfig, type NetDeps } from './libp2p-net.ts';
export type { NetLimits } from './limits.ts';

/** A libp2p peer id in base58, the name of a node. */
export type PeerId = string;
/** A multiaddr in text form, e.g. `/ip4/127.0.0.1/tcp/4100/p2p/12D3Koo…`. */
export type Address = string;

/** One bidirectional stream of bytes. Chunks arrive in order; their borders mean nothing. */
export interface Channel {
  readonly peerId: PeerId;
  readonly protocol: string;
  /** Takes the chunk always; false means: wait for `drained` before sending more. The chunk must not be changed after. */
  send(chunk: Uint8Array): boolean;
  drained(): Promise<void>;
  /** Set once, before any await after getting the channel. Return false to pause, then call `resume`. */
  receive(onChunk: (chunk: Uint8Array) => void, onEnd: (error?: Error) => void): void;
  pause(): void;
  resume(): void;
  /** Ends our side after what was sent. */
  close(): void;
  /** Ends both sides at once. */
  abort(error: Error): void;
}

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
}
