/** What calls stand on: a network of peers with ordered channels of bytes, and a log. A node and a page bring their own. */

/** A libp2p peer id in base58, the name of a node. */
export type PeerId = string;

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

export interface RpcNet {
  readonly peerId: PeerId;
  /** Opens a channel over an existing connection. PEER_UNREACHABLE without one, METHOD_UNKNOWN where the peer lacks the protocol. */
  open(peerId: PeerId, protocol: string, options: { readonly signal: AbortSignal }): Promise<Channel>;
  handle(protocol: string, handler: (channel: Channel) => void): Disposable;
  /** Closes every connection to the peer at once. */
  hangUp(peerId: PeerId): Promise<void>;
}

type Line = (fields: { readonly action: string } & Readonly<Record<string, unknown>>, phrase: string) => void;

export interface RpcLog {
  readonly debug: Line;
  readonly warn: Line;
  readonly error: Line;
}

export const silentRpcLog: RpcLog = { debug() {}, warn() {}, error() {} };

export interface RpcRandom {
  bytes(length: number): Uint8Array;
}
