/** Wallets of a browser: one that an extension puts into the page, and one for development. */
import { P2posError } from '@p2pos/protocol';
import { createIdentity, type KeyPair } from '@p2pos/protocol/e2ee';
import type { Store } from '../chat/store.ts';
import { createWallet, keyOf, type Wallet } from '../chat/wallet.ts';

/** As Phantom, Solflare and Backpack put it at `window.solana`. */
interface Injected {
  connect(): Promise<{ readonly publicKey: { toString(): string } }>;
  signMessage(message: Uint8Array, display: 'utf8'): Promise<{ readonly signature: Uint8Array }>;
}

export function injected(): Injected | undefined {
  const { solana } = globalThis as { readonly solana?: Partial<Injected> };
  const isWallet = typeof solana?.connect === 'function' && typeof solana.signMessage === 'function';
  return isWallet ? (solana as Injected) : undefined;
}

/** @throws P2posError BAD_REQUEST for a wallet that says what is no address */
export async function openInjected(wallet: Injected): Promise<Wallet> {
  const { publicKey } = await wallet.connect();
  const address = publicKey.toString();
  if (!keyOf(address))
    throw new P2posError('BAD_REQUEST', { reason: 'The wallet gave an address that is no Solana address.' });
  return {
    address,
    async signMessage(text) {
      const { signature } = await wallet.signMessage(new TextEncoder().encode(text), 'utf8');
      return new Uint8Array(signature);
    },
  };
}

/** NOT A WALLET for anything of worth: a key of this browser, made when first asked for, gone with its storage. */
export async function openTestWallet(store: Store): Promise<Wallet> {
  let keys = (await store.get('test-wallet')) as KeyPair | undefined;
  if (!keys) {
    keys = (await createIdentity({ extractable: false })).signing;
    await store.write([['test-wallet', keys]]);
  }
  return createWallet(keys);
}
