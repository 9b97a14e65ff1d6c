/** A node's key as the rest of the node sees it. */
import type { Signer } from '@p2pos/protocol';
import type { PeerId } from '@p2pos/protocol/rpc';

export interface Identity {
  readonly peerId: PeerId;
  readonly signer: Signer;
  /** Raw 32-byte Ed25519 seed, only for the network host's handshakes. */
  readonly seed: Uint8Array;
}
