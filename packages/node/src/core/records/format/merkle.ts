/** The Merkle trees of seals and receipts: as the contract has them, since clients verify receipts. */
export { buildTree, foldPath, HASH_BYTES, leafHash } from '@p2pos/protocol';
