/** Who is who: each address's device with the wallet's word for it, and keys for first messages, each given out once. */
import { decodeCbor, encodeCbor, P2posError, toHex } from '@p2pos/protocol';
import {
  createIdentity,
  createPreKeys,
  type DeviceIdentity,
  type PreKeyBundle,
  type PreKeySecrets,
} from '@p2pos/protocol/e2ee';
import type { Client } from '@p2pos/sdk';
import { checkSignIn, type SignIn, signIn } from './sign-in.ts';
import type { Wallet } from './wallet.ts';

const ONE_TIME_KEYS = 20;

/** Of this client; secret. */
export interface Device {
  readonly address: string;
  /** The wallet's word for it. */
  readonly signIn: SignIn;
  readonly identity: DeviceIdentity;
  readonly preKeys: PreKeySecrets;
}

interface Entry {
  readonly signIn: SignIn;
  readonly bundle: PreKeyBundle;
}

/** Makes a device, lets the wallet sign for it, and tells everybody. */
export async function enroll(client: Client, wallet: Wallet, now: number): Promise<Device> {
  const { address } = wallet;
  const identity = await createIdentity();
  const { bundle, secrets } = await createPreKeys(identity, { oneTime: ONE_TIME_KEYS });
  const word = await signIn(wallet, identity.signing.publicKey, now);
  const entry: Entry = { signIn: word, bundle };
  for (const { publicKey } of secrets.oneTime)
    await client.kv.cas.put(`prekeys/${address}/${toHex(publicKey)}`, publicKey);
  await client.kv.put(`devices/${address}`, encodeCbor({ ...entry }));
  return { address, signIn: word, identity, preKeys: secrets };
}

/** Keys to write to an address, checked, with a one-time key if there is one left. @throws P2posError BAD_REQUEST, E2EE_BUNDLE_INVALID */
export async function lookUp(client: Client, address: string, now: number): Promise<PreKeyBundle> {
  const found = await client.kv.get(`devices/${address}`);
  if (!found) throw new P2posError('BAD_REQUEST', { reason: `Nobody has signed in as ${address} yet.` });
  const { signIn: word, bundle } = decodeCbor(found.value, { maxBytes: 4_096 }) as Entry;
  await checkSignIn(word, { address, deviceKey: bundle.signingKey, now });
  const oneTimePreKey = await claim(client, address);
  return { ...bundle, ...(oneTimePreKey && { oneTimePreKey }) };
}

/** That the device is the one the address's wallet speaks for. @throws P2posError BAD_REQUEST */
export async function checkDevice(
  client: Client,
  address: string,
  signingKey: Uint8Array,
  now: number,
): Promise<void> {
  const found = await client.kv.get(`devices/${address}`);
  if (!found) throw new P2posError('BAD_REQUEST', { reason: `Nobody has signed in as ${address}.` });
  const { signIn: word } = decodeCbor(found.value, { maxBytes: 4_096 }) as Entry;
  await checkSignIn(word, { address, deviceKey: signingKey, now });
}

/** By compare-and-set, so that no two writers get the same. */
async function claim(client: Client, address: string): Promise<Uint8Array | undefined> {
  for await (const key of client.kv.cas.list({ prefix: `prekeys/${address}/` })) {
    const entry = await client.kv.cas.get(key);
    if (!entry) continue;
    const { existed } = await client.kv.cas
      .delete(key, { ifVersion: entry.version })
      .catch(() => ({ existed: false }));
    if (existed) return entry.value;
  }
  return undefined;
}
