/** A Solana wallet as far as signing in goes: an Ed25519 key whose address is its public key in base58. */
import { equalBytes, fromHex } from '@p2pos/protocol';
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

/**
 * Points of small order, by their lower 255 bits (RFC 8032, section 5.1; the first is the address of Solana's System Program).
 * Anybody can make signatures that verify under them, so they are nobody's.
 */
const NOBODYS = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map(fromHex);

/** The key of an address; undefined: it is none, or nobody's. */
export function keyOf(address: string): Uint8Array | undefined {
  if (!/^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(address)) return undefined;
  const key = base58btc.decode(`z${address}`);
  // One address a key: what decodes to it in another spelling is refused.
  if (key.length !== 32 || addressOf(key) !== address) return undefined;
  const y = key.with(31, (key[31] as number) & 0x7f);
  // A second spelling of a point, modulo 2^255 − 19.
  const isOver =
    y[31] === 0x7f && y.subarray(1, 31).every((byte) => byte === 0xff) && (y[0] as number) >= 0xed;
  return isOver || NOBODYS.some((point) => equalBytes(point, y)) ? undefined : key;
}
