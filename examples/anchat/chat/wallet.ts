/** A Solana wallet as far as signing in goes: an Ed25519 key whose address is its public key in base58. */
import { type KeyPair, sign } from '@p2pos/protocol/e2ee';
import { base58btc } from 'multiformats/bases/base58';

export interface Wallet {
  readonly address: string;
  signMessage(text: string): Promise<Uint8Array>;
}

export function createWallet(keys: KeyPair): Wallet {
  return {
    address: addressOf(keys.publicKey),
    signMessage: (text) => sign(keys.privateKey, new TextEncoder().encode(text)),
  };
}

export function addressOf(publicKey: Uint8Array): string {
  return base58btc.encode(publicKey).slice(1);
}

/** The key of an address; undefined: it is none. */
export function keyOf(address: string): Uint8Array | undefined {
  if (!/^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(address)) return undefined;
  const key = base58btc.decode(`z${address}`);
  // One address a key: what decodes to it in another spelling is refused.
  return key.length === 32 && addressOf(key) === address ? key : undefined;
}
