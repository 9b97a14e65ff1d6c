/**
 * The name of a node: the libp2p peer id of its Ed25519 key, `12D3KooW…`. It is the base58btc text of the identity
 * multihash of the protobuf public key (libp2p specs, peer-ids), so key and name hold the same information.
 *
 * @example
 * publicKeyFromPeerId(peerIdFromPublicKey(key)); // key
 */
import { base58btc } from 'multiformats/bases/base58';
import { P2posError } from './errors/errors.ts';

/** Identity multihash of 36 bytes, then protobuf {type: Ed25519, data: 32 bytes}. */
const PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);
const PUBLIC_KEY_BYTES = 32;
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;

/** @throws P2posError BAD_REQUEST unless the key is 32 bytes. */
export function peerIdFromPublicKey(publicKey: Uint8Array): string {
  if (publicKey.length !== PUBLIC_KEY_BYTES) {
    throw new P2posError('BAD_REQUEST', {
      reason: `An Ed25519 public key has 32 bytes, this one ${publicKey.length}.`,
    });
  }
  const bytes = new Uint8Array(PREFIX.length + PUBLIC_KEY_BYTES);
  bytes.set(PREFIX);
  bytes.set(publicKey, PREFIX.length);
  return base58btc.baseEncode(bytes);
}

/** The raw 32-byte key. @throws P2posError PEER_ID_INVALID for anything but the peer id of an Ed25519 key. */
export function publicKeyFromPeerId(peerId: string): Uint8Array {
  if (!isPeerId(peerId)) throw new P2posError('PEER_ID_INVALID', { peerId: String(peerId).slice(0, 80) });
  return new Uint8Array(base58btc.baseDecode(peerId).subarray(PREFIX.length));
}

/**
 * All these ids have 52 digits and the digits of base58btc ascend in ASCII, so an id is valid when it lies between those
 * of the least and the greatest key: no decoding, which would cost 50 times more.
 */
export function isPeerId(text: unknown): text is string {
  return typeof text === 'string' && PEER_ID.test(text) && text >= LEAST && text <= GREATEST;
}

const LEAST = peerIdFromPublicKey(new Uint8Array(PUBLIC_KEY_BYTES));
const GREATEST = peerIdFromPublicKey(new Uint8Array(PUBLIC_KEY_BYTES).fill(0xff));
