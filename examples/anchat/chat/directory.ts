/**
 * Who is who: the devices of each address, each with its wallet's word for it, and keys for first messages, each given out once.
 * Whoever has a token of the app may write these records, so each is checked by whoever reads it.
 */
import { decodeCbor, encodeCbor, isP2posError, P2posError, toHex } from '@p2pos/protocol';
import {
  createIdentity,
  createPreKeys,
  type DeviceIdentity,
  type PreKeyBundle,
  type PreKeySecrets,
} from '@p2pos/protocol/e2ee';
import type { Client } from '@p2pos/sdk';
import { checkSignIn, issuedAt, type SignIn, signIn } from './sign-in.ts';
import type { Store } from './store.ts';
import type { Wallet } from './wallet.ts';

const ONE_TIME_KEYS = 20;
const MAX_DEVICES = 8;
/** How long a new device of another may go unnoticed. */
const FRESH_MS = 10_000;

/** Of this client; secret. */
export interface Device {
  readonly address: string;
  /** Its signing key in hexadecimal. */
  readonly id: string;
  /** The wallet's word for it. */
  readonly signIn: SignIn;
  readonly identity: DeviceIdentity;
  readonly bundle: PreKeyBundle;
}

/** Of anybody, checked. */
export interface Listed {
  readonly address: string;
  readonly id: string;
  readonly bundle: PreKeyBundle;
  /** When its wallet let it in. */
  readonly since: number;
}

interface Entry {
  readonly signIn: SignIn;
  readonly bundle: PreKeyBundle;
}

export interface EnrollOptions {
  readonly now: number;
  /** False in a browser: its keys stay in WebCrypto, and no script gets their bytes. Default true. */
  readonly extractable?: boolean;
}

/** Makes a device, lets the wallet sign for it, keeps it, and tells everybody. @throws P2posError BAD_REQUEST for a wallet that signed something else */
export async function enroll(
  client: Client,
  store: Store,
  wallet: Wallet,
  { now, extractable = true }: EnrollOptions,
): Promise<Device> {
  const { address } = wallet;
  const identity = await createIdentity({ extractable });
  const { bundle, secrets } = await createPreKeys(identity, { oneTime: ONE_TIME_KEYS, extractable });
  const word = await signIn(wallet, identity.signing.publicKey, now);
  await checkSignIn(word, { address, deviceKey: identity.signing.publicKey, now });
  const device = { address, id: toHex(identity.signing.publicKey), signIn: word, identity, bundle };
  await store.write([
    ['device', device],
    ['pre-keys', secrets],
  ]);
  await Promise.all(
    secrets.oneTime.map(({ publicKey }) =>
      client.kv.cas.put(`prekeys/${address}/${device.id}/${toHex(publicKey)}`, publicKey),
    ),
  );
  await announce(client, device);
  return device;
}

/** The device that was enrolled here, while its wallet's word holds. */
export async function openDevice(client: Client, store: Store, now: number): Promise<Device | undefined> {
  const device = (await store.get('device')) as Device | undefined;
  if (!device) return undefined;
  const { address, identity } = device;
  try {
    await checkSignIn(device.signIn, { address, deviceKey: identity.signing.publicKey, now });
  } catch (error) {
    if (isP2posError(error, 'BAD_REQUEST')) return undefined;
    throw error;
  }
  await announce(client, device);
  return device;
}

/** Nobody writes to it any more. What is kept here is the caller's to delete. */
export async function leave(client: Client, { address, id }: Device): Promise<void> {
  await client.kv.delete(`devices/${address}/${id}`);
}

async function announce(client: Client, { address, id, signIn: word, bundle }: Device): Promise<void> {
  await client.kv.put(`devices/${address}/${id}`, encodeCbor({ signIn: word, bundle }));
}

export interface Directory {
  /** Sound ones only. @throws P2posError BAD_REQUEST when there is none */
  devicesOf(address: string, options?: { readonly fresh?: boolean }): Promise<readonly Listed[]>;
  /** That the address's wallet speaks for this device. @throws P2posError BAD_REQUEST */
  check(address: string, signingKey: Uint8Array): Promise<Listed>;
  /** With a one-time key, if one is left. */
  bundleOf(device: Listed): Promise<PreKeyBundle>;
}

export function createDirectory(client: Client, now: () => number): Directory {
  const known = new Map<string, { readonly at: number; readonly devices: readonly Listed[] }>();

  async function read(address: string, id: string): Promise<Listed> {
    const found = await client.kv.get(`devices/${address}/${id}`);
    if (!found)
      throw new P2posError('BAD_REQUEST', { reason: `${address} has no device ${id.slice(0, 8)}.` });
    return checkEntry(address, id, found.value, now());
  }

  return {
    async devicesOf(address, { fresh = false } = {}) {
      const before = known.get(address);
      if (before && !fresh && now() - before.at < FRESH_MS) return before.devices;
      const { keys } = await client.kv.page({ prefix: `devices/${address}/`, limit: 4 * MAX_DEVICES });
      const all = await Promise.all(
        keys.map((key) =>
          read(address, key.slice(key.lastIndexOf('/') + 1)).catch((error) => {
            if (isP2posError(error, 'BAD_REQUEST')) return undefined;
            throw error;
          }),
        ),
      );
      const devices = all.filter((device) => device !== undefined).slice(0, MAX_DEVICES);
      if (devices.length === 0)
        throw new P2posError('BAD_REQUEST', { reason: `Nobody has signed in as ${address} yet.` });
      known.set(address, { at: now(), devices });
      return devices;
    },
    check: (address, signingKey) => read(address, toHex(signingKey)),
    async bundleOf({ address, id, bundle }) {
      const oneTimePreKey = await claim(client, `prekeys/${address}/${id}/`);
      return { ...bundle, ...(oneTimePreKey && { oneTimePreKey }) };
    },
  };
}

/** @throws P2posError BAD_REQUEST */
export async function checkEntry(
  address: string,
  id: string,
  value: Uint8Array,
  now: number,
): Promise<Listed> {
  const refuse = (reason: string) =>
    new P2posError('BAD_REQUEST', {
      reason: `The device ${id.slice(0, 8)} of ${address} is refused: ${reason}.`,
    });
  let entry: Partial<Entry> | null;
  try {
    entry = decodeCbor(value, { maxBytes: 4_096 }) as Partial<Entry> | null;
  } catch {
    throw refuse('its record cannot be read');
  }
  const { signIn: word, bundle } = entry ?? {};
  if (!(bundle?.signingKey instanceof Uint8Array) || typeof word?.text !== 'string')
    throw refuse('its record is malformed');
  if (toHex(bundle.signingKey) !== id) throw refuse('its key is another');
  await checkSignIn(word, { address, deviceKey: bundle.signingKey, now });
  return { address, id, bundle, since: issuedAt(word) };
}

/** By compare-and-set, so that no two writers get the same. */
async function claim(client: Client, prefix: string): Promise<Uint8Array | undefined> {
  for await (const key of client.kv.cas.list({ prefix })) {
    const entry = await client.kv.cas.get(key);
    if (!entry) continue;
    const { existed } = await client.kv.cas
      .delete(key, { ifVersion: entry.version })
      .catch(() => ({ existed: false }));
    if (existed) return entry.value;
  }
  return undefined;
}

/** The secrets of first messages. */
export async function preKeysOf(store: Store): Promise<PreKeySecrets> {
  const secrets = (await store.get('pre-keys')) as PreKeySecrets | undefined;
  if (!secrets) throw new P2posError('BAD_REQUEST', { reason: 'This device has not signed in.' });
  return secrets;
}
