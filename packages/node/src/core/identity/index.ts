/**
 * A node's own key: made at first start in `node.key` of the home (0600, optionally sealed by a passphrase), loaded
 * ever after (P2). What is wrong with the file is said with what to do about it; a key is never replaced.
 *
 * @example
 * const identity = await openIdentity({ random, log }, { home: '/var/lib/p2pos' });
 * identity.peerId; // '12D3KooW…'
 * await identity.signer.sign(bytes); // on the thread pool
 */
export { type IdentityConfig, type IdentityDeps, identityFromSeed, openIdentity } from './open-identity.ts';
export type { Identity } from './port.ts';
