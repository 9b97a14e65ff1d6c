/**
 * Agreement on a first secret with somebody who is away: X3DH (Marlinspike and Perrin, revision 1, 2016) over X25519 and
 * HKDF-SHA-256. The identity that signs pre-keys is Ed25519 and separate from the one that agrees.
 *
 * @example
 * const bob = await createPreKeys(bobIdentity, { oneTime: 10 });
 * const { session, opening } = await initiate(aliceIdentity, bundleOf(bob)); // bundle: from a directory
 * const accepted = await accept(bobIdentity, bob.secrets, opening);          // the same session.secret
 */
import { concatBytes } from '../encoding/bytes.ts';
import { P2posError } from '../errors/errors.ts';
import {
  diffieHellman,
  generateDhPair,
  generateSigningPair,
  hkdf,
  type KeyOptions,
  type KeyPair,
  sign,
  verify,
} from './primitives.ts';

const INFO = 'p2pos/x3dh/1';
const PURPOSE = new TextEncoder().encode('p2pos/x3dh/pre-key\0');
/** Section 2.2: so that the input never begins like an encoded public key. */
const FILL = new Uint8Array(32).fill(0xff);
const NO_SALT = new Uint8Array(32);

/** Of a device; secret. */
export interface DeviceIdentity {
  /** Ed25519: what others know the device by. */
  readonly signing: KeyPair;
  /** X25519. */
  readonly agreement: KeyPair;
}

/** What others need to write to a device that is away; public. */
export interface PreKeyBundle {
  readonly signingKey: Uint8Array;
  readonly agreementKey: Uint8Array;
  readonly signedPreKey: Uint8Array;
  /** By the signing key, over agreement key and pre-key. */
  readonly signature: Uint8Array;
  /** Used by one writer only; absent when they have run out. */
  readonly oneTimePreKey?: Uint8Array;
}

export interface PreKeySecrets {
  readonly signed: KeyPair;
  readonly oneTime: readonly KeyPair[];
}

/** What the first message carries in the clear. */
export interface Opening {
  readonly signingKey: Uint8Array;
  readonly agreementKey: Uint8Array;
  readonly ephemeralKey: Uint8Array;
  /** Which of the other's keys were used. */
  readonly signedPreKey: Uint8Array;
  readonly oneTimePreKey?: Uint8Array;
}

export interface Agreed {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** Both identities: bound to every message of the session. */
  readonly associated: Uint8Array;
}

export async function createIdentity(options?: KeyOptions): Promise<DeviceIdentity> {
  return { signing: await generateSigningPair(options), agreement: await generateDhPair(options) };
}

export async function createPreKeys(
  identity: DeviceIdentity,
  { oneTime, ...options }: { readonly oneTime: number } & KeyOptions,
): Promise<{ readonly secrets: PreKeySecrets; readonly bundle: PreKeyBundle }> {
  const signed = await generateDhPair(options);
  const pairs = Array.from({ length: oneTime }, () => generateDhPair(options));
  const secrets = { signed, oneTime: await Promise.all(pairs) };
  const bundle = {
    signingKey: identity.signing.publicKey,
    agreementKey: identity.agreement.publicKey,
    signedPreKey: signed.publicKey,
    signature: await sign(
      identity.signing.privateKey,
      concatBytes(PURPOSE, identity.agreement.publicKey, signed.publicKey),
    ),
  };
  return { secrets, bundle };
}

/** @throws P2posError E2EE_BUNDLE_INVALID, E2EE_KEY_INVALID */
export async function initiate(
  own: DeviceIdentity,
  theirs: PreKeyBundle,
): Promise<Agreed & { readonly opening: Opening }> {
  const { signingKey, agreementKey, signedPreKey, signature, oneTimePreKey } = theirs;
  const signedBytes = concatBytes(PURPOSE, agreementKey, signedPreKey);
  if (!(await verify(signingKey, signature, signedBytes)))
    throw new P2posError('E2EE_BUNDLE_INVALID', { reason: 'its pre-key is not signed by its identity' });
  const ephemeral = await generateDhPair();
  const parts = [
    await diffieHellman(own.agreement.privateKey, signedPreKey),
    await diffieHellman(ephemeral.privateKey, agreementKey),
    await diffieHellman(ephemeral.privateKey, signedPreKey),
    ...(oneTimePreKey ? [await diffieHellman(ephemeral.privateKey, oneTimePreKey)] : []),
  ];
  const opening: Opening = {
    signingKey: own.signing.publicKey,
    agreementKey: own.agreement.publicKey,
    ephemeralKey: ephemeral.publicKey,
    signedPreKey,
    ...(oneTimePreKey && { oneTimePreKey }),
  };
  const writer = concatBytes(opening.signingKey, opening.agreementKey);
  return { opening, secret: await derive(parts), associated: concatBytes(writer, signingKey, agreementKey) };
}

/**
 * The one-time key that was used must be deleted by the caller once the first message was read.
 *
 * @throws P2posError E2EE_BUNDLE_INVALID for keys that are not, or no longer, this device's; E2EE_KEY_INVALID
 */
export async function accept(
  own: DeviceIdentity,
  secrets: PreKeySecrets,
  opening: Opening,
): Promise<Agreed & { readonly usedOneTime: Uint8Array | undefined }> {
  const { signingKey, agreementKey, ephemeralKey, signedPreKey, oneTimePreKey } = opening;
  if (!sameKey(secrets.signed.publicKey, signedPreKey))
    throw new P2posError('E2EE_BUNDLE_INVALID', { reason: 'it was written to a pre-key that is gone' });
  const oneTime = oneTimePreKey && secrets.oneTime.find(({ publicKey }) => sameKey(publicKey, oneTimePreKey));
  if (oneTimePreKey && !oneTime)
    throw new P2posError('E2EE_BUNDLE_INVALID', { reason: 'its one-time key was used before' });
  const parts = [
    await diffieHellman(secrets.signed.privateKey, agreementKey),
    await diffieHellman(own.agreement.privateKey, ephemeralKey),
    await diffieHellman(secrets.signed.privateKey, ephemeralKey),
    ...(oneTime ? [await diffieHellman(oneTime.privateKey, ephemeralKey)] : []),
  ];
  const reader = concatBytes(own.signing.publicKey, own.agreement.publicKey);
  return {
    secret: await derive(parts),
    associated: concatBytes(signingKey, agreementKey, reader),
    usedOneTime: oneTime?.publicKey,
  };
}

function derive(parts: readonly Uint8Array[]): Promise<Uint8Array> {
  return hkdf(NO_SALT, concatBytes(FILL, ...parts), INFO, 32);
}

/** Public keys: no secret can leak by the time this takes. */
function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
