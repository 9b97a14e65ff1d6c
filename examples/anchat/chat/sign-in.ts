/**
 * Signing in with a wallet: the wallet signs a text that names the domain, its address, the device that it lets in, a nonce and an
 * end. Whoever reads it checks all of them: the helpers that people use for this have accepted a key that is not the
 * address, and a message whose time was over.
 */
import { P2posError, toHex } from '@p2pos/protocol';
import { verify } from '@p2pos/protocol/e2ee';
import { keyOf, type Wallet } from './wallet.ts';

export const DOMAIN = 'anchat.example';
const LASTING_MS = 90 * 86_400_000;
const MAX_AHEAD_MS = 5 * 60_000;

export interface SignIn {
  readonly text: string;
  /** Ed25519 of the wallet over the text, 64 bytes. */
  readonly signature: Uint8Array;
}

const FORM =
  /^(?<domain>[^\s]+) wants you to sign in with your Solana account:\n(?<address>\w+)\n\nLet this device read and write my messages\.\n\nDevice: (?<device>[0-9a-f]{64})\nNonce: (?<nonce>[0-9a-f]{32})\nIssued At: (?<issued>\S+)\nExpiration Time: (?<expires>\S+)$/;

export async function signIn(wallet: Wallet, deviceKey: Uint8Array, now: number): Promise<SignIn> {
  const nonce = toHex(crypto.getRandomValues(new Uint8Array(16)));
  const text = [
    `${DOMAIN} wants you to sign in with your Solana account:`,
    wallet.address,
    '',
    'Let this device read and write my messages.',
    '',
    `Device: ${toHex(deviceKey)}`,
    `Nonce: ${nonce}`,
    `Issued At: ${new Date(now).toISOString()}`,
    `Expiration Time: ${new Date(now + LASTING_MS).toISOString()}`,
  ].join('\n');
  return { text, signature: await wallet.signMessage(text) };
}

/**
 * That this very address has let in this very device, for this application, and that it still holds.
 *
 * @throws P2posError BAD_REQUEST with the reason
 */
export async function checkSignIn(
  { text, signature }: SignIn,
  expected: { readonly address: string; readonly deviceKey: Uint8Array; readonly now: number },
): Promise<void> {
  const refuse = (reason: string) =>
    new P2posError('BAD_REQUEST', { reason: `The sign-in of ${expected.address} is refused: ${reason}.` });
  const found = text.length <= 1_024 ? FORM.exec(text)?.groups : undefined;
  if (!found) throw refuse('it is not in the form that this application signs');
  if (found['domain'] !== DOMAIN) throw refuse(`it is for ${found['domain']}`);
  if (found['address'] !== expected.address) throw refuse(`it is of ${found['address']}`);
  if (found['device'] !== toHex(expected.deviceKey)) throw refuse('it is for another device');
  const [issued, expires] = [Date.parse(found['issued'] ?? ''), Date.parse(found['expires'] ?? '')];
  if (Number.isNaN(issued) || Number.isNaN(expires)) throw refuse('its times cannot be read');
  if (issued > expected.now + MAX_AHEAD_MS) throw refuse('it lies in the future');
  if (expires <= expected.now) throw refuse('its time is over');
  if (expires - issued > LASTING_MS) throw refuse('it lasts longer than ninety days');
  const key = keyOf(expected.address);
  if (!key) throw refuse('the address is none');
  if (!(await verify(key, signature, new TextEncoder().encode(text))))
    throw refuse('the wallet has not signed it');
}

/** Milliseconds since 1970; of one that was checked. */
export function issuedAt({ text }: SignIn): number {
  return Date.parse(FORM.exec(text)?.groups?.['issued'] ?? '');
}
