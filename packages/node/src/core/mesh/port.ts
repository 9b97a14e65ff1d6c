/** The mesh as the rest of the node sees it. */
import type { Address, PeerId } from '../net/index.ts';

export interface KnownPeer {
  readonly peerId: PeerId;
  /** The most promising first. */
  readonly addresses: readonly Address[];
  /** RFC 3339; absent: never reached. */
  readonly lastSuccess?: string;
}

export interface Mesh extends AsyncDisposable {
  /** What is known of where peers are, members first. */
  book(): KnownPeer[];
  /** A hint; ignored for who is neither a member nor a bootstrap peer. What others say never displaces what worked. */
  learn(peerId: PeerId, addresses: readonly Address[]): void;
  /** Discovery found these, of members or of nobody known; tried while a majority is missing. A few are kept for each source. */
  found(source: 'dns' | 'mdns', addresses: readonly Address[]): void;
  /** Fewer than a majority of the members is connected; while this node is no member, fewer than it should ask. */
  isShort(): boolean;
  /** Dials at once and lifts a hold. @throws P2posError ADDRESS_INVALID, PEER_UNREACHABLE */
  connect(address: Address, options: { readonly signal: AbortSignal }): Promise<PeerId>;
  /** Closes its connections and, for `holdMs`, neither dials it nor lets it stay. Answers how many were closed. */
  disconnect(peerId: PeerId, holdMs: number): Promise<number>;
}
