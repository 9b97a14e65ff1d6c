/**
 * End-to-end encryption for applications: keys live in clients, nodes carry bytes that they cannot read.
 *
 * `x3dh.ts` agrees on a first secret with a device that may be away; `double-ratchet.ts` gives every message between two
 * devices a key of its own; `sender-keys.ts` does so for a room with one encryption for all its members. States are plain values:
 * the application stores them, and stores the new one before it shows or sends what came with it.
 */
export * from './double-ratchet.ts';
export { type KeyPair, type PrivateKey, sign, verify } from './primitives.ts';
export * from './sender-keys.ts';
export * from './x3dh.ts';
