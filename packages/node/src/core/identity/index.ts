/** A node's own key: made at first start (0600, optionally sealed by a passphrase), loaded ever after (P2). */
import type { Signer } from '@p2pos/protocol';
import type { PeerId } from '../net/index.ts';

export interface Identity {
  readonly peerId: PeerId;
  readonly signer: Signer;
  /** Raw 32-byte Ed25519 seed, only for the network host's handshakes. */
  readonly seed: Uint8Array;
}
