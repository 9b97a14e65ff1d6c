/** Keeps a connection to every other member (up to 256): address book, bootstrap, peer exchange, backoff (P7, D9, T20). */
import type { Address, PeerId } from '../net/index.ts';

export interface KnownPeer {
  readonly peerId: PeerId;
  readonly addresses: readonly Address[];
  /** RFC 3339; absent: never reached. */
  readonly lastSuccess?: string;
}

export interface Mesh extends AsyncDisposable {
  /** What is known of where peers are, members first. */
  book(): KnownPeer[];
  learn(peerId: PeerId, addresses: readonly Address[]): void;
}
