/**
 * What the contract needs of cryptography, as a port: Node's implementation is `core/crypto`, a browser brings
 * WebCrypto, the simulator a keyed hash. Keys are raw Ed25519 (RFC 8032): 32-byte public keys, 64-byte signatures.
 */
export interface Crypto {
  sha256(bytes: Uint8Array): Uint8Array;
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** A private key that never leaves the object that holds it. */
export interface Signer {
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Raw Ed25519 signature, 64 bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}
